namespace Edge.Llm.Grammars;

/// <summary>Masks of terminals by what the terminals are, for all grammars of a vocabulary; the one used least recently goes first.</summary>
internal sealed class TerminalMasks
{
    private const long MostBytes = 32 << 20;

    private readonly Dictionary<Spelling, LinkedListNode<(Spelling Key, TerminalMask? Mask)>> _masks = [];
    private readonly LinkedList<(Spelling Key, TerminalMask? Mask)> _byUse = [];
    private long _bytes;

    public TerminalMask? Get(PatternPool patterns, int pattern, TokenTree tree)
    {
        int[]? spelled = patterns.Spell(pattern, tree.LongestText);
        if (spelled is null) return Compute(patterns, pattern, tree);
        var key = new Spelling(spelled);
        lock (_masks)
            if (_masks.TryGetValue(key, out var known))
            {
                _byUse.Remove(known);
                _byUse.AddFirst(known);
                return known.Value.Mask;
            }
        TerminalMask? mask = Compute(patterns, pattern, tree);
        lock (_masks)
        {
            if (_masks.ContainsKey(key)) return mask;
            _masks.Add(key, _byUse.AddFirst((key, mask)));
            _bytes += BytesOf(key, mask);
            while (_bytes > MostBytes && _byUse.Count > 1)
            {
                (Spelling last, TerminalMask? gone) = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _masks.Remove(last);
                _bytes -= BytesOf(last, gone);
            }
        }
        return mask;
    }

    private TerminalMask? Compute(PatternPool patterns, int pattern, TokenTree tree)
    {
        (int wider, int sameUpTo) = (patterns.WithoutExclusions(pattern), 0);
        if (wider == pattern) (wider, sameUpTo) = patterns.WithoutCounts(pattern);
        return wider == pattern || Get(patterns, wider, tree) is not { } ofWider ? TerminalMask.Compute(patterns, pattern, tree)
            : TerminalMask.Narrow(patterns, pattern, wider, ofWider, sameUpTo, tree);
    }

    private static long BytesOf(Spelling key, TerminalMask? mask) => 200 + key.Words.Length * 4L + (mask?.Bytes ?? 0);

    private readonly record struct Spelling(int[] Words)
    {
        public bool Equals(Spelling other) => Words.AsSpan().SequenceEqual(other.Words);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (int word in Words) hash.Add(word);
            return hash.ToHashCode();
        }
    }
}
