namespace Edge.Llm.Grammars;

internal sealed partial class PatternPool
{
    /// <summary>Counts up to this are kept: too many tokens are longer.</summary>
    private const int SmallCount = 16;

    /// <summary>The expression without the texts that it leaves out at its beginning: what matches it is matched by the result as well, and the
    /// two differ only where such a text is under way.</summary>
    public int WithoutExclusions(int pattern)
    {
        Key key = _nodes[pattern].Key;
        if (key.Kind == PatternKind.Chain) return Sequence(WithoutExclusions(key.A), key.B);
        return key.Kind == PatternKind.Both ? Both([.. key.List!.Where(member => !IsExclusion(member))]) : pattern;
    }

    /// <summary>The expression without limits above some number: the two differ only in texts longer than that.</summary>
    public (int Wider, int SameUpTo) WithoutCounts(int pattern)
    {
        if (_nodes[pattern].Searched) return (pattern, 0);
        int sameUpTo = int.MaxValue;
        int wider = WithoutCounts(pattern, ref sameUpTo);
        return (wider, sameUpTo);
    }

    private int WithoutCounts(int pattern, ref int sameUpTo)
    {
        Key key = _nodes[pattern].Key;
        switch (key.Kind)
        {
            case PatternKind.Repeat when key.C > SmallCount:
                sameUpTo = Math.Min(sameUpTo, key.C);
                return Repeat(key.A, key.B);
            case PatternKind.Chain: // the rest of a terminal comes behind the end of a count, where the two are the same
                return Sequence(WithoutCounts(key.A, ref sameUpTo), key.B);
            case PatternKind.Either:
                int[] ways = new int[key.List!.Length];
                for (int i = 0; i < ways.Length; i++) ways[i] = WithoutCounts(key.List[i], ref sameUpTo);
                return Either(ways);
            default: return pattern;
        }
    }

    private bool IsExclusion(int pattern) =>
        _nodes[pattern].Key is { Kind: PatternKind.Not, A: var excluded } && KindOf(excluded) is PatternKind.Literals or PatternKind.Bytes or PatternKind.Empty;
}
