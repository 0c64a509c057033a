namespace Edge.Llm.Grammars;

/// <summary>The tokens that begin inside a terminal: those that it takes whole, and where in the tree it may end with more of a token to come.
/// It does not depend on what stands around the terminal.</summary>
internal sealed class TerminalMask
{
    private const int MostExits = 60_000;

    private readonly int[] _exits; // tree nodes behind the place where the terminal may end, by their bytes
    private readonly int[] _exitsOf; // the first of a byte; the next byte's first is the end

    private TerminalMask(TokenMask tokens, List<(byte Label, int Node)> exits, long longestEnd)
    {
        (Tokens, LongestEnd) = (tokens, longestEnd);
        _exitsOf = new int[257];
        foreach ((byte label, _) in exits) _exitsOf[label + 1]++;
        for (int i = 0; i < 256; i++) _exitsOf[i + 1] += _exitsOf[i];
        int[] at = [.. _exitsOf];
        _exits = new int[exits.Count];
        foreach ((byte label, int node) in exits) _exits[at[label]++] = node;
    }

    /// <summary>The tokens taken whole.</summary>
    public TokenMask Tokens { get; }

    /// <summary>Bytes that the terminal needs behind one of those tokens, at most.</summary>
    public long LongestEnd { get; }

    public int Bytes => Tokens.Words.Length * 8 + _exits.Length * 4 + 1200;

    /// <summary>The nodes of a byte that may follow the terminal inside a token.</summary>
    public ReadOnlySpan<int> ExitsOf(byte label) => _exits.AsSpan(_exitsOf[label].._exitsOf[label + 1]);

    /// <summary>The mask of a terminal that leaves some texts of another one out: walks only where the two differ.</summary>
    /// <param name="patterns">The pool of both.</param>
    /// <param name="pattern">The terminal.</param>
    /// <param name="wider">The other one, which matches all that the terminal matches.</param>
    /// <param name="ofWider">Its mask.</param>
    /// <param name="sameUpTo">Texts of at most this many bytes are matched by both or by neither.</param>
    /// <param name="tree">The tokens.</param>
    public static TerminalMask Narrow(PatternPool patterns, int pattern, int wider, TerminalMask ofWider, int sameUpTo, TokenTree tree)
    {
        var mask = new TokenMask(tree.Tokenizer.Vocabulary.Count);
        mask.CopyFrom(ofWider.Tokens);
        var gone = new List<(int First, int End)>(); // exits, in the order of the tree
        long longestEnd = ofWider.LongestEnd;
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        var path = new Stack<(int Pattern, int Wider, int End)>([(pattern, wider, tree.NodeCount)]);
        for (int node = 1; node < tree.NodeCount;)
        {
            while (node >= path.Peek().End) path.Pop();
            (int narrowAt, int wideAt, _) = path.Peek();
            if (tree.LongestBelow(node) <= sameUpTo)
            {
                node = ends[node];
                continue;
            }
            int narrow = patterns.Step(narrowAt, labels[node]), wide = patterns.Step(wideAt, labels[node]), end = ends[node];
            if (narrow == wide)
            {
                node = end;
                continue;
            }
            if (narrow == PatternPool.Nothing)
            {
                foreach (int token in tree.TokensBelow(node)) mask.Remove(token);
                gone.Add((node + 1, end));
                node = end;
                continue;
            }
            longestEnd = Math.Max(longestEnd, patterns.MinLength(narrow));
            if (patterns.IsNullable(wide) && !patterns.IsNullable(narrow))
                for (int child = node + 1; child < end; child = ends[child]) gone.Add((child, child + 1));
            path.Push((narrow, wide, end));
            node++;
        }
        var exits = new List<(byte, int)>();
        for (int label = 0; label < 256; label++)
            foreach (int node in ofWider.ExitsOf((byte)label))
                if (!IsIn(gone, node)) exits.Add(((byte)label, node));
        return new TerminalMask(mask, exits, longestEnd);
    }

    private static bool IsIn(List<(int First, int End)> ranges, int node)
    {
        int low = 0, high = ranges.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ranges[middle].First <= node) low = middle + 1;
            else high = middle;
        }
        return low > 0 && node < ranges[low - 1].End;
    }

    /// <summary>Null where a terminal may end in too many places.</summary>
    public static TerminalMask? Compute(PatternPool patterns, int pattern, TokenTree tree)
    {
        var mask = new TokenMask(tree.Tokenizer.Vocabulary.Count);
        var exits = new List<(byte, int)>();
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        var path = new (Place Place, int End)[tree.LongestText + 1];
        int depth = 0, node = 1, count = tree.NodeCount;
        path[0] = (new Place(pattern, patterns), count);
        var places = new Dictionary<int, Place> { [pattern] = path[0].Place };
        while (node < count)
        {
            while (node >= path[depth].End) depth--;
            Place at = path[depth].Place;
            int next = at.Row is { } row ? row[labels[node]] : patterns.Step(at.Pattern, labels[node]), end = ends[node];
            if (next == PatternPool.Nothing)
            {
                node = end;
                continue;
            }
            mask.AddAll(tree.TokensAt(node));
            if (next != at.Pattern && !places.TryGetValue(next, out at!)) places.Add(next, at = new Place(next, patterns)); // most texts stay where they are
            if (end == node + 1)
            {
                node = end;
                continue;
            }
            if (at.IsNullable)
            {
                for (int child = node + 1; child < end; child = ends[child]) exits.Add((labels[child], child));
                if (exits.Count > MostExits) return null;
                if (next == PatternPool.Empty)
                {
                    node = end;
                    continue;
                }
            }
            path[++depth] = (at, end);
            node++;
        }
        return new TerminalMask(mask, exits, places.Values.Max(place => place.MinLength));
    }

    /// <summary>What a walk needs to know about what is left of a terminal.</summary>
    private sealed class Place(int pattern, PatternPool patterns)
    {
        public int Pattern { get; } = pattern;
        public int[]? Row { get; } = patterns.KnownRow(pattern);
        public bool IsNullable { get; } = patterns.IsNullable(pattern);
        public long MinLength { get; } = patterns.MinLength(pattern);
    }
}
