namespace Edge.Llm.Grammars;

/// <summary>A set of Unicode characters: ranges in ascending order, apart from one another, without surrogates.</summary>
internal sealed class CharSet : IEquatable<CharSet>
{
    private const int LastCharacter = 0x10FFFF, FirstSurrogate = 0xD800, LastSurrogate = 0xDFFF, ToLower = 'a' - 'A';

    private readonly (int First, int Last)[] _ranges;

    private CharSet((int First, int Last)[] ranges) => _ranges = ranges;

    public static CharSet All { get; } = Of((0, LastCharacter));

    public ReadOnlySpan<(int First, int Last)> Ranges => _ranges;

    public bool IsEmpty => _ranges.Length == 0;

    public static CharSet Of(params IEnumerable<(int First, int Last)> ranges)
    {
        var kept = new List<(int First, int Last)>();
        foreach ((int first, int last) in ranges.Where(range => range.First <= range.Last).SelectMany(WithoutSurrogates).OrderBy(range => range.First))
            if (kept.Count > 0 && first <= kept[^1].Last + 1) kept[^1] = (kept[^1].First, Math.Max(kept[^1].Last, last));
            else kept.Add((first, last));
        return new CharSet([.. kept]);
    }

    public static CharSet OfText(string characters) => Of(characters.EnumerateRunes().Select(rune => (rune.Value, rune.Value)));

    public static CharSet operator |(CharSet a, CharSet b) => Of(a._ranges.Concat(b._ranges));

    public static CharSet operator ~(CharSet set)
    {
        var gaps = new List<(int, int)>();
        int at = 0;
        foreach ((int first, int last) in set._ranges)
        {
            if (first > at) gaps.Add((at, first - 1));
            at = last + 1;
        }
        if (at <= LastCharacter) gaps.Add((at, LastCharacter));
        return Of(gaps);
    }

    public static CharSet operator &(CharSet a, CharSet b) => ~(~a | ~b);

    /// <summary>The set with both cases of each of the letters A to Z that it has in one.</summary>
    public CharSet InEitherCase() => Of(_ranges
        .Concat(_ranges.Select(range => (Math.Max(range.First, 'A') + ToLower, Math.Min(range.Last, 'Z') + ToLower)))
        .Concat(_ranges.Select(range => (Math.Max(range.First, 'a') - ToLower, Math.Min(range.Last, 'z') - ToLower))));

    public bool Contains(int character) => Array.Exists(_ranges, range => range.First <= character && character <= range.Last);

    public bool Equals(CharSet? other) => other is not null && _ranges.AsSpan().SequenceEqual(other._ranges);

    public override bool Equals(object? obj) => Equals(obj as CharSet);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach ((int first, int last) in _ranges) hash.Add(first ^ (last << 11));
        return hash.ToHashCode();
    }

    /// <summary>The set as UTF-8.</summary>
    public int ToPattern(PatternPool patterns)
    {
        var ways = new List<int>();
        foreach ((int first, int last) in _ranges)
            for (int at = first; at <= last;)
            {
                // Up to where all characters have equally many bytes, and the sets of later bytes do not depend on earlier ones.
                int end = Math.Min(last, at < 0x80 ? 0x7F : at < 0x800 ? 0x7FF : at < 0x10000 ? 0xFFFF : LastCharacter);
                int extra = at < 0x80 ? 0 : at < 0x800 ? 1 : at < 0x10000 ? 2 : 3;
                for (int level = 1; level <= extra; level++)
                {
                    int mask = (1 << (6 * level)) - 1;
                    if ((at & ~mask) == (end & ~mask)) continue;
                    if ((at & mask) != 0) end = at | mask;
                    else if ((end & mask) != mask) end = (end & ~mask) - 1;
                }
                ways.Add(Sequence(patterns, at, end, extra));
                at = end + 1;
            }
        return patterns.Either([.. ways]);
    }

    private static int Sequence(PatternPool patterns, int first, int last, int extra)
    {
        int rest = PatternPool.Empty;
        for (int i = 0; i < extra; i++, first >>= 6, last >>= 6)
            rest = patterns.Sequence(patterns.Bytes(ByteSet.Range((byte)(0x80 | (first & 0x3F)), (byte)(0x80 | (last & 0x3F)))), rest);
        int lead = extra switch { 0 => 0, 1 => 0xC0, 2 => 0xE0, _ => 0xF0 };
        return patterns.Sequence(patterns.Bytes(ByteSet.Range((byte)(lead | first), (byte)(lead | last))), rest);
    }

    private static IEnumerable<(int First, int Last)> WithoutSurrogates((int First, int Last) range)
    {
        if (range.First < FirstSurrogate) yield return (range.First, Math.Min(range.Last, FirstSurrogate - 1));
        if (range.Last > LastSurrogate) yield return (Math.Max(range.First, LastSurrogate + 1), range.Last);
    }
}
