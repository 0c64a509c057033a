using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Edge.Llm.Grammars;

/// <summary>Regular expressions over bytes. Equal ones have one number, so that what is left of one after some bytes (its derivative,
/// <see cref="Step"/>) is the state of an automaton that is built only as far as someone walks. Counts are kept as numbers.</summary>
internal sealed partial class PatternPool
{
    public const int Nothing = 0, Empty = 1, Everything = 2;

    /// <summary>A step descends this far into an expression.</summary>
    private const int DeepestNesting = 400;

    private readonly Effort _effort;
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<Key, int> _ids = [];
    private readonly List<byte[][]> _tables = [];

    public PatternPool(Effort effort)
    {
        _effort = effort;
        Add(PatternKind.Nothing, nullable: false, depth: 0, Length.Infinite);
        Add(PatternKind.Empty, nullable: true, depth: 0, 0);
        Not(Nothing);
        AnyBytes = Bytes(ByteSet.All);
    }

    /// <summary>Any one byte.</summary>
    public int AnyBytes { get; }

    public bool IsNullable(int pattern) => _nodes[pattern].Nullable;

    public PatternKind KindOf(int pattern) => _nodes[pattern].Key.Kind;

    /// <summary>One byte of a set.</summary>
    public int Bytes(ByteSet set) => set.IsEmpty ? Nothing : Add(PatternKind.Bytes, nullable: false, depth: 0, 1, set: set);

    /// <summary>One text.</summary>
    public int Text(ReadOnlySpan<byte> text) =>
        text.IsEmpty ? Empty : text.Length == 1 ? Bytes(ByteSet.Of(text[0])) : Literals([text.ToArray()]);

    /// <summary>One of some texts.</summary>
    public int Literals(IEnumerable<byte[]> texts)
    {
        byte[][] table = [.. texts];
        _effort.Spend(table.Length * 4L);
        if (table.Length == 0) return Nothing;
        Array.Sort(table, (a, b) => a.AsSpan().SequenceCompareTo(b));
        int kept = 1;
        for (int i = 1; i < table.Length; i++)
            if (!table[i].AsSpan().SequenceEqual(table[kept - 1])) table[kept++] = table[i];
        Array.Resize(ref table, kept);
        foreach (byte[] text in table) _effort.Keep(32 + text.Length);
        _tables.Add(table);
        return Literals(_tables.Count - 1, 0, kept, 0);
    }

    /// <summary>Decimal digits that write a multiple of a number.</summary>
    public int MultipleOf(int divisor) => Multiple(0, divisor, started: false);

    public int Sequence(params ReadOnlySpan<int> patterns)
    {
        int result = Empty;
        for (int i = patterns.Length - 1; i >= 0; i--) result = Sequence(patterns[i], result);
        return result;
    }

    public int Sequence(int first, int rest)
    {
        if (first == Nothing || rest == Nothing) return Nothing;
        if (first == Empty) return rest;
        if (rest == Empty) return first;
        if (KindOf(first) != PatternKind.Chain) return Pair(first, rest);
        var parts = new List<int>();
        for (; KindOf(first) == PatternKind.Chain; first = _nodes[first].Key.B) parts.Add(_nodes[first].Key.A);
        parts.Add(first);
        _effort.Spend(parts.Count);
        for (int i = parts.Count - 1; i >= 0; i--) rest = Pair(parts[i], rest);
        return rest;
    }

    public int Repeat(int pattern, int min, int max = -1)
    {
        Debug.Assert(min >= 0 && (max < 0 || max >= min));
        if (max == 0 || pattern == Empty) return Empty;
        if (min == 1 && max == 1) return pattern;
        if (pattern == Nothing) return min == 0 ? Empty : Nothing;
        if (IsNullable(pattern)) min = 0;
        if (max < 0 && min == 0 && pattern == AnyBytes) return Everything;
        Node inner = _nodes[pattern];
        if (inner.Key.Kind == PatternKind.Repeat && inner.Key.B == 0 && inner.Key.C < 0 && min == 0) return pattern; // (x*)*, (x*)?
        return Add(PatternKind.Repeat, min == 0 || inner.Nullable, inner.Depth + 1, inner.Searched ? -1 : Length.Times(inner.Min, min), pattern, min, max,
            searched: inner.Searched);
    }

    public int Optional(int pattern) => IsNullable(pattern) ? pattern : Either(pattern, Empty);

    public int Not(int pattern)
    {
        Node inner = _nodes[pattern];
        if (inner.Key.Kind == PatternKind.Not) return inner.Key.A;
        return Add(PatternKind.Not, !inner.Nullable, inner.Depth + 1, !inner.Nullable ? 0 : -1, pattern, searched: pattern != Nothing);
    }

    public int Either(params ReadOnlySpan<int> patterns)
    {
        var members = new List<int>(patterns.Length);
        ByteSet bytes = default;
        foreach (int pattern in patterns) Flatten(pattern, PatternKind.Either, members);
        int kept = 0;
        for (int i = 0; i < members.Count; i++)
        {
            int member = members[i];
            if (member == Everything) return Everything;
            if (_nodes[member].Key.Kind == PatternKind.Bytes) bytes |= _nodes[member].Key.Set;
            else if (member != Nothing) members[kept++] = member;
        }
        members.RemoveRange(kept, members.Count - kept);
        if (!bytes.IsEmpty) members.Add(Bytes(bytes));
        return List(PatternKind.Either, members, Nothing);
    }

    public int Both(params ReadOnlySpan<int> patterns)
    {
        var members = new List<int>(patterns.Length);
        foreach (int pattern in patterns) Flatten(pattern, PatternKind.Both, members);
        if (members.Contains(Nothing)) return Nothing;
        members.RemoveAll(member => member == Everything);
        if (members.Contains(Empty)) return members.TrueForAll(IsNullable) ? Empty : Nothing;
        return List(PatternKind.Both, members, Everything);
    }

    private int List(PatternKind kind, List<int> members, int ofNone)
    {
        members.Sort();
        int kept = 0;
        for (int i = 0; i < members.Count; i++)
            if (kept == 0 || members[i] != members[kept - 1]) members[kept++] = members[i];
        if (kept < 2) return kept == 0 ? ofNone : members[0];
        _effort.Spend(kept);
        int[] list = CollectionsMarshal.AsSpan(members)[..kept].ToArray();
        bool either = kind == PatternKind.Either, nullable = !either, searched = !either;
        int depth = 0;
        long min = either ? Length.Infinite : -1;
        foreach (int member in list)
        {
            Node node = _nodes[member];
            nullable = either ? nullable | node.Nullable : nullable & node.Nullable;
            depth = Math.Max(depth, node.Depth + 1);
            searched |= node.Searched;
            min = Math.Min(min, node.Min);
        }
        if (nullable) min = 0;
        return Add(kind, nullable, depth, min, list: list, searched: searched);
    }

    private void Flatten(int pattern, PatternKind kind, List<int> members)
    {
        if (_nodes[pattern].Key is { List: { } list } key && key.Kind == kind) members.AddRange(list);
        else members.Add(pattern);
    }

    // A step goes along a chain of nullable firsts in a loop, so only the deepest of them counts.
    private int Pair(int first, int rest)
    {
        Node a = _nodes[first], b = _nodes[rest];
        bool searched = a.Searched || b.Searched;
        int depth = Math.Max(a.Depth + 1, a.Nullable ? b.Depth : 0);
        return Add(PatternKind.Chain, a.Nullable && b.Nullable, depth, searched ? -1 : Length.Add(a.Min, b.Min), first, rest, searched: searched);
    }

    private int Literals(int table, int first, int end, int depth)
    {
        byte[][] texts = _tables[table];
        if (end - first == 1 && texts[first].Length == depth) return Empty;
        if (end - first == 1 && texts[first].Length == depth + 1) return Bytes(ByteSet.Of(texts[first][depth]));
        long min = long.MaxValue;
        if (end - first > 1) _effort.Spend(end - first);
        for (int i = first; i < end; i++) min = Math.Min(min, texts[i].Length - depth);
        return Add(PatternKind.Literals, texts[first].Length == depth, 0, min, first, end, table, depth);
    }

    private int Multiple(int remainder, int divisor, bool started) =>
        Add(PatternKind.Multiple, started && remainder == 0, 0, started && remainder == 0 ? 0 : -1, remainder, divisor, started ? 1 : 0, searched: true);

    private int Add(PatternKind kind, bool nullable, int depth, long min, int a = 0, int b = 0, int c = 0, int d = 0, int[]? list = null,
        ByteSet set = default, bool searched = false)
    {
        var key = new Key(kind, a, b, c, d, set, list);
        if (_ids.TryGetValue(key, out int id)) return id;
        if (depth > DeepestNesting)
            throw new EdgeLlmException(ErrorCode.GrammarError, $"a regular expression is nested too deep: expected at most {DeepestNesting} levels");
        _effort.Keep(200 + 4 * (list?.Length ?? 0)); // throws: only then the key gets its number
        id = _nodes.Count;
        _ids.Add(key, id);
        _nodes.Add(new Node { Key = key, Nullable = nullable, Depth = depth, Min = nullable ? 0 : min, Searched = searched });
        return id;
    }

    private readonly record struct Key(PatternKind Kind, int A, int B, int C, int D, ByteSet Set, int[]? List)
    {
        public bool Equals(Key other) =>
            Kind == other.Kind && A == other.A && B == other.B && C == other.C && D == other.D && Set == other.Set
            && List.AsSpan().SequenceEqual(other.List);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(Kind);
            hash.Add(A);
            hash.Add(B);
            hash.Add(C);
            hash.Add(D);
            if (Kind == PatternKind.Bytes) hash.Add(Set);
            foreach (int member in List.AsSpan()) hash.Add(member);
            return hash.ToHashCode();
        }
    }

    private sealed class Node
    {
        public required Key Key { get; init; }
        public bool Nullable { get; init; }
        public bool Searched { get; init; } // whether only a search tells if anything matches
        public int Depth { get; init; }
        public long Min { get; set; } // bytes of the shortest match, or -1: not known yet
        public bool HasFirst { get; set; }
        public ByteSet First { get; set; }
        public int[]? Row { get; set; }
    }
}
