namespace Edge.Llm.Grammars;

/// <summary>A regular expression over characters. Parts stand before what they are part of. Anchors and lookahead are resolved when it becomes
/// a pattern: each part has one form for each answer to "does the text begin here" and "does it end here".</summary>
internal sealed class RegexTree
{
    private readonly List<Node> _nodes = [];

    /// <summary>The part that is the whole expression.</summary>
    public int Root { get; set; }

    public int Set(CharSet set) => Add(new Node(NodeKind.Set, set, [], 0, 0));

    public int Start() => Add(new Node(NodeKind.Start, null, [], 0, 0) { IsAnchored = true });

    public int End() => Add(new Node(NodeKind.End, null, [], 0, 0) { IsAnchored = true });

    public int Sequence(List<int> parts) => parts.Count == 1 ? parts[0] : Add(new Node(NodeKind.Chain, null, [.. parts], 0, 0));

    public int Either(List<int> parts) => parts.Count == 1 ? parts[0] : Add(new Node(NodeKind.Either, null, [.. parts], 0, 0));

    /// <summary>A part some times; false if it has anchors, which would have to hold each time.</summary>
    public bool TryRepeat(int part, int min, int max, out int repeated)
    {
        repeated = Add(new Node(NodeKind.Repeat, null, [part], min, max));
        return (min, max) is (0, 1) or (1, 1) || !_nodes[part].IsAnchored;
    }

    /// <summary>What comes next matches a part, or does not.</summary>
    public int Ahead(int part, bool negative) => Add(new Node(NodeKind.Ahead, null, [part], negative ? 1 : 0, 0) { IsAnchored = true });

    /// <summary>Whether a part looks ahead.</summary>
    public bool LooksAhead(int part) => _nodes[part].LooksAhead;

    /// <summary>The pattern of texts that match as a whole.</summary>
    public int ToWholePattern(PatternPool patterns, Func<CharSet, int> encode) => Lower(patterns, encode)[Root].Get(true, true);

    /// <summary>The pattern of texts that match somewhere.</summary>
    /// <param name="patterns">Where to.</param>
    /// <param name="encode">The pattern of one of some characters.</param>
    /// <param name="open">What follows a match may be anything, even what is no text: for a pattern beside another one.</param>
    public int ToSearchPattern(PatternPool patterns, Func<CharSet, int> encode, bool open = false)
    {
        int any = patterns.Repeat(encode(CharSet.All), 0), after = open ? PatternPool.Everything : any;
        if (!_nodes[Root].IsAnchored) return patterns.Sequence(any, Lower(patterns, encode)[Root].Get(false, false), after);
        if (_nodes[Root].LooksAhead) ReadToTheEnd();
        Forms forms = Lower(patterns, encode)[Root];
        return patterns.Either(
            forms.Get(true, true), patterns.Sequence(any, forms.Get(false, true)),
            patterns.Sequence(forms.Get(true, false), after), patterns.Sequence(any, forms.Get(false, false), after));
    }

    // Lookahead sees all that follows: then each alternative goes to the end of the text.
    private void ReadToTheEnd()
    {
        Node root = _nodes[Root];
        TryRepeat(Set(CharSet.All), 0, -1, out int any);
        int end = End();
        int[] alternatives = root.Kind == NodeKind.Either ? root.Parts : [Root];
        var extended = new List<int>();
        foreach (int alternative in alternatives)
        {
            int[] parts = _nodes[alternative].Kind == NodeKind.Chain ? _nodes[alternative].Parts : [alternative];
            extended.Add(Sequence([.. parts, any, end]));
        }
        Root = Either(extended);
    }

    private Forms[] Lower(PatternPool patterns, Func<CharSet, int> encode)
    {
        var forms = new Forms[_nodes.Count];
        for (int i = 0; i < forms.Length; i++)
        {
            Node node = _nodes[i];
            forms[i] = node.Kind switch
            {
                NodeKind.Set => Forms.Always(encode(node.Set!)),
                NodeKind.Start => new Forms(PatternPool.Nothing, PatternPool.Nothing, PatternPool.Empty, PatternPool.Empty),
                NodeKind.End => new Forms(PatternPool.Nothing, PatternPool.Empty, PatternPool.Nothing, PatternPool.Empty),
                NodeKind.Repeat => Map(node, (start, end) => patterns.Repeat(forms[node.Parts[0]].Get(start, end), node.Min, node.Max)),
                NodeKind.Either => Map(node, (start, end) => patterns.Either([.. node.Parts.Select(part => forms[part].Get(start, end))])),
                NodeKind.Chain => Chain(node, forms, patterns),
                _ => Chain(new Node(NodeKind.Chain, null, [i], 0, 0) { IsAnchored = true }, forms, patterns),
            };
        }
        return forms;
    }

    private Forms Chain(Node node, Forms[] forms, PatternPool patterns)
    {
        if (!node.IsAnchored) return Forms.Always(patterns.Sequence([.. node.Parts.Select(part => forms[part].Get(false, false))]));
        Forms rest = Forms.Always(PatternPool.Empty);
        for (int i = node.Parts.Length - 1; i >= 0; i--)
        {
            Forms behind = rest;
            if (_nodes[node.Parts[i]] is { Kind: NodeKind.Ahead } ahead)
            {
                // A part that looks ahead is read to the end of the text, so that the other forms are not used.
                Forms inside = forms[ahead.Parts[0]];
                rest = Map(node, (start, end) =>
                {
                    int seen = patterns.Either(patterns.Sequence(inside.Get(start, false), PatternPool.Everything), inside.Get(start, true));
                    return end ? patterns.Both(behind.Get(start, true), ahead.Min == 1 ? patterns.Not(seen) : seen) : PatternPool.Nothing;
                });
                continue;
            }
            Forms first = forms[node.Parts[i]];
            rest = Map(node, (start, end) =>
            {
                int both = patterns.Sequence(first.Get(start, false), behind.Get(false, end));
                int onlyRest = patterns.IsNullable(first.Get(start, false)) ? behind.Get(start, end) : PatternPool.Nothing;
                int onlyFirst = patterns.IsNullable(behind.Get(false, end)) ? first.Get(start, end) : PatternPool.Nothing;
                bool neither = patterns.IsNullable(first.Get(start, end)) && patterns.IsNullable(behind.Get(start, end));
                return patterns.Either(both, onlyRest, onlyFirst, neither ? PatternPool.Empty : PatternPool.Nothing);
            });
        }
        return rest;
    }

    private static Forms Map(Node node, Func<bool, bool, int> form) => node.IsAnchored
        ? new Forms(form(false, false), form(false, true), form(true, false), form(true, true))
        : Forms.Always(form(false, false));

    private int Add(Node node)
    {
        foreach (int part in node.Parts)
        {
            node.IsAnchored |= _nodes[part].IsAnchored;
            node.LooksAhead |= _nodes[part].LooksAhead;
        }
        node.LooksAhead |= node.Kind == NodeKind.Ahead;
        _nodes.Add(node);
        return _nodes.Count - 1;
    }

    private enum NodeKind { Set, Start, End, Chain, Either, Repeat, Ahead }

    private sealed record Node(NodeKind Kind, CharSet? Set, int[] Parts, int Min, int Max)
    {
        public bool IsAnchored { get; set; }
        public bool LooksAhead { get; set; }
    }

    /// <summary>What a part matches by whether the text begins before it and ends behind it.</summary>
    private readonly record struct Forms(int Inside, int AtEnd, int AtStart, int Whole)
    {
        public static Forms Always(int pattern) => new(pattern, pattern, pattern, pattern);

        public int Get(bool start, bool end) => start ? end ? Whole : AtStart : end ? AtEnd : Inside;
    }
}
