namespace Edge.Llm.Grammars;

internal sealed partial class PatternPool
{
    /// <summary>Expressions with this many first bytes keep what each byte leads to.</summary>
    private const int BytesOfRow = 3;

    /// <summary>What must follow a byte: the derivative. <see cref="Nothing"/> if no match begins with it.</summary>
    public int Step(int pattern, byte value)
    {
        Node node = _nodes[pattern];
        if (node.Row is { } row) return row[value];
        ByteSet first = First(pattern);
        if (!first.Contains(value)) return Nothing;
        return first.Count < BytesOfRow ? Alive(Derive(pattern, value)) : Row(pattern)[value];
    }

    /// <summary>What each byte leads to.</summary>
    public int[] Row(int pattern)
    {
        Node node = _nodes[pattern];
        if (node.Row is { } known) return known;
        _effort.Keep(1100);
        Span<ulong> signature = stackalloc ulong[256];
        signature.Clear();
        Mark(pattern, signature);
        int[] row = new int[256];
        var classes = new Dictionary<ulong, int>();
        ByteSet first = First(pattern);
        for (int value = first.Next(0); value >= 0; value = first.Next(value + 1))
        {
            if (!classes.TryGetValue(signature[value], out int next))
            {
                next = Alive(Derive(pattern, (byte)value));
                classes.Add(signature[value], next);
            }
            row[value] = next;
        }
        node.Row = row;
        return row;
    }

    /// <summary>The bytes that a match may begin with; more of them where something is excluded.</summary>
    public ByteSet First(int pattern)
    {
        Node node = _nodes[pattern];
        if (node.HasFirst) return node.First;
        _effort.Spend(1);
        Key key = node.Key;
        ByteSet first = default;
        switch (key.Kind)
        {
            case PatternKind.Bytes: first = key.Set; break;
            case PatternKind.Literals:
                foreach (byte value in Heads(key)) first |= ByteSet.Of(value);
                break;
            case PatternKind.Multiple: first = ByteSet.Range((byte)'0', (byte)'9') | (key.C == 1 ? ByteSet.Of((byte)'.') : default); break;
            case PatternKind.Not: first = ByteSet.All; break;
            case PatternKind.Repeat: first = First(key.A); break;
            case PatternKind.Chain:
                for (int rest = pattern; ; rest = _nodes[rest].Key.B)
                {
                    Key at = _nodes[rest].Key;
                    bool pair = at.Kind == PatternKind.Chain;
                    first |= First(pair ? at.A : rest);
                    if (!pair || !IsNullable(at.A)) break;
                    _effort.Spend(1);
                }
                break;
            case PatternKind.Either:
                foreach (int member in key.List!) first |= First(member);
                break;
            case PatternKind.Both:
                first = ByteSet.All;
                foreach (int member in key.List!) first &= First(member);
                break;
        }
        node.First = first;
        node.HasFirst = true;
        return first;
    }

    /// <summary>Bytes of the shortest match; <see cref="Length.Infinite"/> if there is none.</summary>
    public long MinLength(int pattern)
    {
        Node node = _nodes[pattern];
        if (node.Min >= 0) return node.Min;
        Key key = node.Key;
        long min = 0;
        switch (key.Kind)
        {
            case PatternKind.Chain:
                int rest = pattern;
                for (; KindOf(rest) == PatternKind.Chain && (rest == pattern || _nodes[rest].Min < 0); rest = _nodes[rest].Key.B)
                    min = Length.Add(min, MinLength(_nodes[rest].Key.A));
                min = Length.Add(min, MinLength(rest));
                break;
            case PatternKind.Either:
                min = Length.Infinite;
                foreach (int member in key.List!) min = Math.Min(min, MinLength(member));
                break;
            case PatternKind.Repeat: min = Length.Times(MinLength(key.A), key.B); break;
            default: min = Search(pattern); break;
        }
        node.Min = min;
        return min;
    }

    // Breadth first over what is left after each byte, as far as lengths are not known. The expressions on the shortest way know theirs
    // afterwards; if there is none, all those seen do.
    private long Search(int pattern)
    {
        var from = new Dictionary<int, int> { [pattern] = -1 };
        List<int> level = [pattern], next = [];
        (long best, int end) = (Length.Infinite, -1);
        for (int steps = 1; level.Count > 0 && steps < best; steps++)
        {
            next.Clear();
            foreach (int at in level)
                foreach (int after in Derivatives(at))
                {
                    _effort.Spend(4);
                    if (!from.TryAdd(after, at)) continue;
                    if (_nodes[after].Min < 0) next.Add(after);
                    else if (Length.Add(_nodes[after].Min, steps) is var length && length < best) (best, end) = (length, after);
                }
            (level, next) = (next, level);
        }
        if (end < 0)
        {
            foreach (int seen in from.Keys) _nodes[seen].Min = Length.Infinite;
            return Length.Infinite;
        }
        long left = _nodes[end].Min;
        for (int back = from[end]; back >= 0; back = from[back]) _nodes[back].Min = ++left;
        return best;
    }

    private List<int> Derivatives(int pattern)
    {
        Span<ulong> signature = stackalloc ulong[256];
        signature.Clear();
        Mark(pattern, signature);
        var seen = new HashSet<ulong>();
        var result = new List<int>();
        ByteSet first = First(pattern);
        for (int value = first.Next(0); value >= 0; value = first.Next(value + 1))
            if (seen.Add(signature[value])) result.Add(Derive(pattern, (byte)value));
        return result;
    }

    private int Alive(int pattern) => _nodes[pattern].Searched && MinLength(pattern) >= Length.Infinite ? Nothing : pattern;

    private int Derive(int pattern, byte value)
    {
        _effort.Spend(1);
        if (pattern == Everything) return pattern;
        Key key = _nodes[pattern].Key;
        switch (key.Kind)
        {
            case PatternKind.Bytes: return key.Set.Contains(value) ? Empty : Nothing;
            case PatternKind.Literals: return Narrow(key, value);
            case PatternKind.Multiple:
                if (value == '.' && key.C == 1) return pattern; // the point of a number with decimals
                return value is < (byte)'0' or > (byte)'9' ? Nothing : Multiple((int)((key.A * 10L + (value - '0')) % key.B), key.B, started: true);
            case PatternKind.Not: return Not(Derive(key.A, value));
            case PatternKind.Repeat:
                int next = Derive(key.A, value);
                if (next == Nothing) return Nothing;
                return Sequence(next, Repeat(key.A, Math.Max(key.B - 1, 0), key.C < 0 ? -1 : key.C - 1));
            case PatternKind.Chain: return DeriveSequence(pattern, value);
            case PatternKind.Either:
                var members = new List<int>();
                foreach (int member in key.List!)
                    if (First(member).Contains(value)) members.Add(Derive(member, value));
                return Either([.. members]);
            case PatternKind.Both:
                int[] all = new int[key.List!.Length];
                for (int i = 0; i < all.Length; i++)
                    if ((all[i] = Derive(key.List[i], value)) == Nothing) return Nothing;
                return Both(all);
            default: return Nothing;
        }
    }

    private int DeriveSequence(int pattern, byte value)
    {
        var ways = new List<int>(2);
        for (int rest = pattern; ;)
        {
            Key key = _nodes[rest].Key;
            if (key.Kind != PatternKind.Chain)
            {
                ways.Add(Derive(rest, value));
                break;
            }
            if (First(key.A).Contains(value)) ways.Add(Sequence(Derive(key.A, value), key.B));
            if (!IsNullable(key.A)) break;
            _effort.Spend(1);
            rest = key.B;
        }
        return ways.Count == 1 ? ways[0] : Either([.. ways]);
    }

    private int Narrow(Key key, byte value)
    {
        byte[][] texts = _tables[key.C];
        int first = Bound(texts, key.A, key.B, key.D, value), end = Bound(texts, first, key.B, key.D, value + 1);
        return first == end ? Nothing : Literals(key.C, first, end, key.D + 1);
    }

    // The first text whose byte at a depth is at least a value; a text that ends there comes first.
    private static int Bound(byte[][] texts, int low, int high, int depth, int value)
    {
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (texts[middle].Length > depth && texts[middle][depth] >= value) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    private List<byte> Heads(Key key)
    {
        byte[][] texts = _tables[key.C];
        var heads = new List<byte>();
        int at = texts[key.A].Length == key.D ? key.A + 1 : key.A;
        for (; at < key.B; at = Bound(texts, at, key.B, key.D, heads[^1] + 1)) heads.Add(texts[at][key.D]);
        return heads;
    }

    // Bytes with equal signatures lead to the same expression. Each set that a step looks at adds a number of its own to the signatures of its
    // members.
    private void Mark(int pattern, Span<ulong> signature)
    {
        _effort.Spend(1);
        Key key = _nodes[pattern].Key;
        switch (key.Kind)
        {
            case PatternKind.Bytes:
                for (int value = key.Set.Next(0); value >= 0; value = key.Set.Next(value + 1)) signature[value] += Mix((ulong)pattern);
                break;
            case PatternKind.Literals:
                foreach (byte value in Heads(key)) signature[value] += Mix((ulong)pattern << 8 | value);
                break;
            case PatternKind.Multiple:
                for (byte value = (byte)'.'; value <= '9'; value++) signature[value] += Mix((ulong)pattern << 8 | value);
                break;
            case PatternKind.Not or PatternKind.Repeat: Mark(key.A, signature); break;
            case PatternKind.Chain:
                for (int rest = pattern; ; rest = _nodes[rest].Key.B)
                {
                    Key at = _nodes[rest].Key;
                    bool pair = at.Kind == PatternKind.Chain;
                    Mark(pair ? at.A : rest, signature);
                    if (!pair || !IsNullable(at.A)) break;
                }
                break;
            case PatternKind.Either or PatternKind.Both:
                foreach (int member in key.List!) Mark(member, signature);
                break;
        }
    }

    private static ulong Mix(ulong value)
    {
        value = (value + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
