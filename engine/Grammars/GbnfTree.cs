namespace Edge.Llm.Grammars;

/// <summary>The rules of a GBNF text, and their way into productions. Parts stand before what they are part of, so that no walk needs a stack.
/// What is regular becomes one regular expression, through as many rules as it takes.</summary>
internal sealed class GbnfTree(Productions productions)
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, int> _names = [];
    private readonly List<Rule> _rules = [];
    private Rule? _current;

    public PatternPool Patterns => productions.Patterns;

    public bool IsDefined(string name) => _names.TryGetValue(name, out int rule) && _rules[rule].Body >= 0;

    public IEnumerable<(string Name, int At)> Undefined() =>
        from rule in _rules
        where rule.Body < 0
        orderby rule.FirstUse
        select (rule.Name, rule.FirstUse);

    /// <summary>Begins a rule; false if it has a body already.</summary>
    public bool Begin(string name)
    {
        _current = Named(name, 0);
        (bool isNew, _current.First) = (_current.Body < 0, _nodes.Count);
        return isNew;
    }

    /// <summary>Ends the rule with its body.</summary>
    public void End(int body) => (_current!.Body, _current.End) = (body, _nodes.Count);

    public int Pattern(int pattern) => Add(new Node(NodeKind.Pattern, pattern, 0, 0, []));

    public int Tokens(TokenSet set) => Add(new Node(NodeKind.Tokens, productions.Tokens(set), 0, 0, []));

    public int Call(string name, int at)
    {
        int rule = Named(name, at).Number;
        _current!.Uses.Add(rule);
        return Add(new Node(NodeKind.Rule, rule, 0, 0, []));
    }

    public int Sequence(List<int> parts) => parts.Count == 1 ? parts[0] : Add(new Node(NodeKind.Chain, 0, 0, 0, [.. parts]));

    public int Either(List<int> parts) => parts.Count == 1 ? parts[0] : Add(new Node(NodeKind.Either, 0, 0, 0, [.. parts]));

    public int Repeat(int part, int min, int max) => Add(new Node(NodeKind.Repeat, 0, min, max, [part]));

    /// <summary>The production of a rule.</summary>
    public int Lower(string root)
    {
        var parts = new Part[_nodes.Count];
        foreach (List<int> circle in Circles.Of(_rules.Count, rule => _rules[rule].Uses))
        {
            bool isCircle = circle.Count > 1 || _rules[circle[0]].Uses.Contains(circle[0]);
            if (isCircle)
                foreach (int rule in circle) _rules[rule].Part = new Part(false, productions.Rule(_rules[rule].Production = productions.NewRule()));
            foreach (int rule in circle)
                for (int node = _rules[rule].First; node < _rules[rule].End; node++) parts[node] = LowerNode(_nodes[node], parts);
            if (!isCircle) _rules[circle[0]].Part = Named(parts[_rules[circle[0]].Body]);
            else if (circle.Count == 1 && new LinearRule(this, circle[0], parts).Solve() is { } solved) _rules[circle[0]].Part = Named(solved);
            else
                foreach (int rule in circle) productions.SetBody(_rules[rule].Production, ToProduction(parts[_rules[rule].Body]));
        }
        return ToProduction(_rules[_names[root]].Part);
    }

    /// <summary>The body of a rule.</summary>
    internal int BodyOf(int rule) => _rules[rule].Body;

    /// <summary>The nodes of a rule, parts first.</summary>
    internal IEnumerable<int> NodesOf(int rule) => Enumerable.Range(_rules[rule].First, _rules[rule].End - _rules[rule].First);

    /// <summary>A node's kind and parts.</summary>
    internal Node this[int node] => _nodes[node];

    /// <summary>The part that is a sequence of parts: neighbours that are regular become one.</summary>
    internal Part SequenceOf(IReadOnlyList<Part> parts)
    {
        Part result = Part.Empty;
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            Part part = parts[i];
            if (part.IsPattern && result.IsPattern) result = new Part(true, Patterns.Sequence(part.Id, result.Id));
            else if (part.IsPattern && productions[result.Id] is { Kind: ProductionKind.Chain } pair
                && productions[pair.A] is { Kind: ProductionKind.Pattern } next)
                result = new Part(false, productions.Sequence(productions.Pattern(Patterns.Sequence(part.Id, next.A)), pair.B));
            else result = new Part(false, productions.Sequence(ToProduction(part), ToProduction(result)));
        }
        return result;
    }

    /// <summary>The part that is one of some parts.</summary>
    internal Part EitherOf(IReadOnlyList<Part> parts)
    {
        int pattern = Patterns.Either([.. parts.Where(part => part.IsPattern).Select(part => part.Id)]);
        int[] others = [.. parts.Where(part => !part.IsPattern).Select(part => part.Id)];
        return others.Length == 0 ? new Part(true, pattern) : new Part(false, productions.Either([productions.Pattern(pattern), .. others]));
    }

    internal Part RepeatOf(Part part, int min, int max) =>
        part.IsPattern ? new Part(true, Patterns.Repeat(part.Id, min, max)) : new Part(false, productions.Repeat(part.Id, min, max));

    private Part LowerNode(Node node, Part[] parts) => node.Kind switch
    {
        NodeKind.Pattern => new Part(true, node.A),
        NodeKind.Tokens => new Part(false, node.A),
        NodeKind.Rule => _rules[node.A].Part,
        NodeKind.Chain => SequenceOf([.. node.Parts.Select(part => parts[part])]),
        NodeKind.Either => EitherOf([.. node.Parts.Select(part => parts[part])]),
        _ => RepeatOf(parts[node.Parts[0]], node.Min, node.Max),
    };

    // Users of a rule that is no regular expression share its production.
    private Part Named(Part body)
    {
        if (body.IsPattern || productions[body.Id].Kind != ProductionKind.Chain && productions[body.Id].Kind != ProductionKind.Either) return body;
        int rule = productions.NewRule();
        productions.SetBody(rule, body.Id);
        return new Part(false, productions.Rule(rule));
    }

    private int ToProduction(Part part) => part.IsPattern ? productions.Pattern(part.Id) : part.Id;

    private Rule Named(string name, int at)
    {
        if (_names.TryGetValue(name, out int known)) return _rules[known];
        var rule = new Rule { Name = name, Number = _rules.Count, FirstUse = at };
        _rules.Add(rule);
        _names.Add(name, rule.Number);
        return rule;
    }

    private int Add(Node node)
    {
        _nodes.Add(node);
        productions.Keep(80 + 4 * node.Parts.Length);
        return _nodes.Count - 1;
    }

    internal enum NodeKind { Pattern, Tokens, Rule, Chain, Either, Repeat }

    internal sealed record Node(NodeKind Kind, int A, int Min, int Max, int[] Parts);

    /// <summary>What a node became: a regular expression, or a production.</summary>
    internal readonly record struct Part(bool IsPattern, int Id)
    {
        public static Part Empty => new(true, PatternPool.Empty);
    }

    private sealed class Rule
    {
        public required string Name { get; init; }
        public required int Number { get; init; }
        public required int FirstUse { get; init; } // where in the text
        public List<int> Uses { get; } = [];
        public int Body { get; set; } = -1;
        public int First { get; set; } // of its nodes
        public int End { get; set; }
        public int Production { get; set; }
        public Part Part { get; set; }
    }
}
