using System.Runtime.InteropServices;

namespace Edge.Llm.Grammars;

/// <summary>What a production is made of.</summary>
internal enum ProductionKind : byte
{
    /// <summary>Matches nothing.</summary>
    Nothing,

    /// <summary>Matches the empty text.</summary>
    Empty,

    /// <summary>The regular expression A.</summary>
    Pattern,

    /// <summary>One token of set A.</summary>
    Tokens,

    /// <summary>Rule A.</summary>
    Rule,

    /// <summary>A, then B; A is no chain.</summary>
    Chain,

    /// <summary>One of a list.</summary>
    Either,

    /// <summary>A, at least B times, at most C times; C is -1 without a limit.</summary>
    Repeat,

    /// <summary>A text of pattern A that is not among texts C, then what <see cref="AfterDistinct"/> says; the list has what stands between
    /// two texts, and how many may follow.</summary>
    Distinct,

    /// <summary>Behind a text that <see cref="Distinct"/> took: nothing, or what stands between, and another text.</summary>
    AfterDistinct,
}

/// <summary>The rules of a context-free grammar whose terminals are regular expressions and tokens. Equal right sides have one number; what is
/// left of one after its first symbol is a right side too, so that counts stay numbers here as well.</summary>
internal sealed class Productions
{
    public const int Nothing = 0, Empty = 1;

    private readonly Effort _effort;
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<Key, int> _ids = [];
    private readonly List<int> _bodies = []; // of the rules
    private readonly List<TokenSet> _tokens = [];
    private bool _sealed;
    private int _noTokens;

    public Productions(Effort effort)
    {
        _effort = effort;
        Patterns = new PatternPool(effort);
        Texts = new DistinctTexts(effort);
        Add(ProductionKind.Nothing);
        Add(ProductionKind.Empty);
    }

    /// <summary>The terminals.</summary>
    public PatternPool Patterns { get; }

    /// <summary>What the grammar may still cost.</summary>
    public Effort Effort => _effort;

    /// <summary>Counts bytes kept beside the productions.</summary>
    public void Keep(int bytes) => _effort.Keep(bytes);

    public Key this[int production] => _nodes[production].Key;

    /// <summary>What a rule stands for.</summary>
    public int Body(int rule) => _bodies[rule];

    public TokenSet TokensOf(int set) => _tokens[set];

    /// <summary>Whether the empty text matches.</summary>
    public bool IsNullable(int production) => _nodes[production].Nullable;

    /// <summary>Bytes of the shortest match, a token counting as one; <see cref="Length.Infinite"/> if there is none.</summary>
    public long MinLength(int production) => _nodes[production].Min;

    public int Pattern(int pattern) =>
        pattern == PatternPool.Nothing ? Nothing : pattern == PatternPool.Empty ? Empty : Add(ProductionKind.Pattern, pattern);

    public int Tokens(TokenSet tokens)
    {
        _tokens.Add(tokens);
        return Tokens(_tokens.Count - 1);
    }

    /// <summary>One token of a set that is known already.</summary>
    public int Tokens(int set) => Add(ProductionKind.Tokens, set);

    /// <summary>A rule without a body yet.</summary>
    public int NewRule()
    {
        _bodies.Add(Nothing);
        _effort.Keep(8);
        return _bodies.Count - 1;
    }

    public int Rule(int rule) => Add(ProductionKind.Rule, rule);

    public void SetBody(int rule, int body) => _bodies[rule] = body;

    public int Sequence(params ReadOnlySpan<int> productions)
    {
        int result = Empty;
        for (int i = productions.Length - 1; i >= 0; i--) result = Sequence(productions[i], result);
        return result;
    }

    public int Sequence(int first, int rest)
    {
        if (first == Nothing || rest == Nothing) return Nothing;
        if (first == Empty) return rest;
        if (rest == Empty) return first;
        if (this[first].Kind != ProductionKind.Chain) return Add(ProductionKind.Chain, first, rest);
        var parts = new List<int>();
        for (; this[first].Kind == ProductionKind.Chain; first = this[first].B) parts.Add(this[first].A);
        parts.Add(first);
        _effort.Spend(parts.Count);
        for (int i = parts.Count - 1; i >= 0; i--) rest = Add(ProductionKind.Chain, parts[i], rest);
        return rest;
    }

    public int Either(params ReadOnlySpan<int> productions)
    {
        var members = new List<int>(productions.Length);
        foreach (int production in productions)
            if (this[production] is { Kind: ProductionKind.Either } key) members.AddRange(key.List!);
            else if (production != Nothing) members.Add(production);
        members.Sort();
        int kept = 0;
        for (int i = 0; i < members.Count; i++)
            if (kept == 0 || members[i] != members[kept - 1]) members[kept++] = members[i];
        _effort.Spend(members.Count);
        return kept == 0 ? Nothing : kept == 1 ? members[0]
            : Add(ProductionKind.Either, list: CollectionsMarshal.AsSpan(members)[..kept].ToArray());
    }

    public int Optional(int production) => Either(production, Empty);

    public int Repeat(int production, int min, int max = -1)
    {
        if (max == 0 || production == Empty) return Empty;
        if (min == 1 && max == 1) return production;
        if (production == Nothing) return min == 0 ? Empty : Nothing;
        return Add(ProductionKind.Repeat, production, min, max);
    }

    /// <summary>Texts of a pattern, each another one, with something between them: at least one, at most some; -1 is no limit.</summary>
    public int Distinct(int pattern, int between, int max) => Distinct(pattern, DistinctTexts.None, between, max);

    /// <summary>What may follow a text that <see cref="ProductionKind.Distinct"/> took.</summary>
    public int After(Key distinct, int text)
    {
        int between = distinct.List![0], max = distinct.List[1];
        if (max == 1) return Empty;
        int next = Distinct(distinct.A, Texts.With(distinct.C, text), between, max < 0 ? -1 : max - 1);
        return Optional(Sequence(between, next));
    }

    /// <summary>A production that begins with <see cref="ProductionKind.AfterDistinct"/>, with the text behind what stands between left
    /// out.</summary>
    public int BehindDistinct(int production)
    {
        Key key = this[production];
        (Key after, int rest) = key.Kind == ProductionKind.Chain ? (this[key.A], key.B) : (key, Empty);
        if (after.List![1] == 1) return rest;
        if (_noTokens == 0) _noTokens = Tokens(new TokenSet([], false));
        return Sequence(Optional(Sequence(after.List[0], _noTokens)), rest);
    }

    /// <summary>The texts taken so far.</summary>
    public DistinctTexts Texts { get; }

    /// <summary>The pattern of the next one of distinct texts.</summary>
    public int PatternOf(Key distinct) => distinct.C == DistinctTexts.None ? distinct.A
        : Patterns.Both(distinct.A, Patterns.Not(Patterns.Literals(Texts.Of(distinct.C))));

    private int Distinct(int pattern, int seen, int between, int max)
    {
        int after = Add(ProductionKind.AfterDistinct, pattern, 0, seen, [between, max]);
        return Add(ProductionKind.Distinct, pattern, after, seen, [between, max]);
    }

    /// <summary>All rules have their bodies: finds which match the empty text, and how short their shortest match is.</summary>
    public void Seal()
    {
        // A rule's length is known once those of its body are; a body is looked at again when a rule in it becomes shorter.
        var users = new List<int>[_nodes.Count];
        var waiting = new Queue<int>();
        for (int id = 0; id < _nodes.Count; id++)
        {
            Key key = _nodes[id].Key;
            if (key.Kind == ProductionKind.Rule) Use(_bodies[key.A], id);
            else
            {
                if (key.Kind is ProductionKind.Chain or ProductionKind.Repeat) Use(key.A, id);
                if (key.Kind == ProductionKind.Chain) Use(key.B, id);
                if (key.Kind == ProductionKind.Either)
                    foreach (int member in key.List!) Use(member, id);
            }
            waiting.Enqueue(id);
        }
        while (waiting.TryDequeue(out int id))
        {
            _effort.Spend(1 + (_nodes[id].Key.List?.Length ?? 0));
            (bool nullable, long min) = Measure(_nodes[id].Key);
            if (min >= _nodes[id].Min && nullable == _nodes[id].Nullable) continue;
            (_nodes[id].Nullable, _nodes[id].Min) = (nullable, min);
            foreach (int user in users[id] ?? []) waiting.Enqueue(user);
        }
        _sealed = true;

        void Use(int used, int user) => (users[used] ??= []).Add(user);
    }

    private (bool Nullable, long Min) Measure(Key key)
    {
        switch (key.Kind)
        {
            case ProductionKind.Empty: return (true, 0);
            case ProductionKind.Pattern: return (Patterns.IsNullable(key.A), Patterns.MinLength(key.A));
            case ProductionKind.Tokens: return (false, 1);
            case ProductionKind.Distinct: return (false, Patterns.MinLength(PatternOf(key)));
            case ProductionKind.AfterDistinct: return (true, 0);
            case ProductionKind.Rule: return (_nodes[_bodies[key.A]].Nullable, _nodes[_bodies[key.A]].Min);
            case ProductionKind.Chain:
                Node a = _nodes[key.A], b = _nodes[key.B];
                return (a.Nullable && b.Nullable, Length.Add(a.Min, b.Min));
            case ProductionKind.Repeat:
                Node inner = _nodes[key.A];
                return (inner.Nullable || key.B == 0, Length.Times(inner.Min, key.B));
            case ProductionKind.Either:
                bool nullable = false;
                long min = Length.Infinite;
                foreach (int member in key.List!)
                {
                    nullable |= _nodes[member].Nullable;
                    min = Math.Min(min, _nodes[member].Min);
                }
                return (nullable, min);
            default: return (false, Length.Infinite);
        }
    }

    private int Add(ProductionKind kind, int a = 0, int b = 0, int c = 0, int[]? list = null)
    {
        var key = new Key(kind, a, b, c, list);
        if (_ids.TryGetValue(key, out int id)) return id;
        _effort.Keep(120 + 4 * (list?.Length ?? 0)); // throws: only then the key gets its number
        id = _nodes.Count;
        (bool nullable, long min) = _sealed ? Measure(key) : (false, Length.Infinite);
        _ids.Add(key, id);
        _nodes.Add(new Node { Key = key, Nullable = nullable, Min = min });
        return id;
    }

    /// <summary>A production's kind and parts.</summary>
    internal readonly record struct Key(ProductionKind Kind, int A, int B, int C, int[]? List)
    {
        public bool Equals(Key other) => Kind == other.Kind && A == other.A && B == other.B && C == other.C && List.AsSpan().SequenceEqual(other.List);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add((int)Kind);
            hash.Add(A);
            hash.Add(B);
            hash.Add(C);
            foreach (int member in List.AsSpan()) hash.Add(member);
            return hash.ToHashCode();
        }
    }

    private sealed class Node
    {
        public required Key Key { get; init; }
        public bool Nullable { get; set; }
        public long Min { get; set; } = Length.Infinite;
    }
}
