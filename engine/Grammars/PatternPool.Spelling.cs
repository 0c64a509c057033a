namespace Edge.Llm.Grammars;

internal sealed partial class PatternPool
{
    private const int LongestSpelling = 8192;

    /// <summary>What each byte leads to, if that was ever asked for.</summary>
    public int[]? KnownRow(int pattern) => _nodes[pattern].Row ?? (First(pattern).Count < BytesOfRow ? null : Row(pattern));

    /// <summary>The expression written out: equal for expressions of two pools that match the same first bytes of a token. Counts above the
    /// longest token are no counts, unless something else that must match goes further. Null if it is long.</summary>
    public int[]? Spell(int pattern, int longestToken)
    {
        // Each expression that occurs gets a number, parts first. The order of a list is that of the pool, so equal lists may be spelled
        // differently: then they share nothing, which is no error.
        int mostCounted = _nodes[pattern].Searched ? int.MaxValue : longestToken;
        var numbers = new Dictionary<int, int>();
        var words = new List<int>();
        var open = new Stack<int>([pattern]);
        while (open.TryPeek(out int at))
        {
            _effort.Spend(1);
            Key key = _nodes[at].Key;
            if (numbers.ContainsKey(at))
            {
                open.Pop();
                continue;
            }
            int waiting = open.Count;
            if (key.Kind is PatternKind.Chain or PatternKind.Not or PatternKind.Repeat && !numbers.ContainsKey(key.A)) open.Push(key.A);
            if (key.Kind is PatternKind.Chain && !numbers.ContainsKey(key.B)) open.Push(key.B);
            foreach (int member in key.List.AsSpan())
                if (!numbers.ContainsKey(member)) open.Push(member);
            if (open.Count > waiting) continue;
            open.Pop();
            numbers.Add(at, numbers.Count);
            Write(key, mostCounted, numbers, words);
            if (words.Count > LongestSpelling) return null;
        }
        return [.. words];
    }

    private void Write(Key key, int mostCounted, Dictionary<int, int> numbers, List<int> words)
    {
        words.Add((int)key.Kind);
        switch (key.Kind)
        {
            case PatternKind.Bytes:
                foreach (ulong word in (ReadOnlySpan<ulong>)[key.Set.W0, key.Set.W1, key.Set.W2, key.Set.W3]) words.AddRange((int)word, (int)(word >> 32));
                break;
            case PatternKind.Literals:
                words.Add(key.B - key.A);
                for (int row = key.A; row < key.B && words.Count <= LongestSpelling; row++)
                {
                    ReadOnlySpan<byte> text = _tables[key.C][row].AsSpan(key.D);
                    words.Add(text.Length);
                    foreach (byte value in text) words.Add(value);
                }
                break;
            case PatternKind.Multiple: words.AddRange(key.A, key.B, key.C); break;
            case PatternKind.Chain: words.AddRange(numbers[key.A], numbers[key.B]); break;
            case PatternKind.Not: words.Add(numbers[key.A]); break;
            case PatternKind.Repeat: words.AddRange(numbers[key.A], key.B, key.C > mostCounted ? -1 : key.C); break;
            case PatternKind.Either or PatternKind.Both:
                words.Add(key.List!.Length);
                foreach (int member in key.List) words.Add(numbers[member]);
                break;
        }
    }
}
