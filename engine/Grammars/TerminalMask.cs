namespace Edge.Llm.Grammars;

/// <summary>The tokens that begin inside a terminal: those that it takes whole, and where in the tree it may end with more of a token to come.
/// It does not depend on what stands around the terminal.</summary>
internal sealed class TerminalMask
{
    private const int MostExits = 60_000;

    [ThreadStatic] private static List<(byte Label, int Node)>? t_exits; // what is found, before it is sorted: large, and not kept

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
        var staying = new Dictionary<(int, int), ulong>();
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
            bool lacksExits = patterns.IsNullable(wide) && !patterns.IsNullable(narrow);
            if (narrow == narrowAt && wide == wideAt && !lacksExits && (tree.ClassesBelow(node) & ~Staying(narrow, wide)) == 0)
            {
                node = end;
                continue;
            }
            if (lacksExits)
                for (int child = node + 1; child < end; child = ends[child]) gone.Add((child, child + 1));
            path.Push((narrow, wide, end));
            node++;
        }
        List<(byte, int)> exits = (t_exits ??= []);
        exits.Clear();
        for (int label = 0; label < 256; label++)
            foreach (int node in ofWider.ExitsOf((byte)label))
                if (!IsIn(gone, node)) exits.Add(((byte)label, node));
        return new TerminalMask(mask, exits, longestEnd);

        ulong Staying(int narrow, int wide)
        {
            if (staying.TryGetValue((narrow, wide), out ulong known)) return known;
            return staying[(narrow, wide)] = StayingOf(patterns, narrow) & StayingOf(patterns, wide);
        }
    }

    private static ulong StayingOf(PatternPool patterns, int pattern) => patterns.KnownRow(pattern) is { } row ? ByteClasses.Leading(row, pattern) : 0;

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
        List<(byte, int)> exits = (t_exits ??= []);
        exits.Clear();
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        var places = new Places(patterns);
        var path = new (Place Place, int End)[tree.LongestText + 1];
        int depth = 0, node = 1, count = tree.NodeCount;
        path[0] = (places.Of(pattern), count);
        while (node < count)
        {
            while (node >= path[depth].End) depth--;
            Place from = path[depth].Place;
            Place at = places.Behind(from, labels[node]);
            int end = ends[node];
            if (at == places.Dead)
            {
                node = end;
                continue;
            }
            if (at == from && (tree.ClassesBelow(node) & ~at.Staying) == 0) // most texts stay where they are
            {
                mask.AddAll(tree.TokensBelow(node));
                node = end;
                continue;
            }
            mask.AddAll(tree.TokensAt(node));
            if (end == node + 1)
            {
                node = end;
                continue;
            }
            if (at.IsNullable)
            {
                for (int child = node + 1; child < end; child = ends[child]) exits.Add((labels[child], child));
                if (exits.Count > MostExits) return null;
                if (at.Pattern == PatternPool.Empty)
                {
                    node = end;
                    continue;
                }
            }
            path[++depth] = (at, end);
            node++;
        }
        return new TerminalMask(mask, exits, places.LongestEnd);
    }

    /// <summary>What a walk needs to know about what is left of a terminal.</summary>
    private sealed class Place(int pattern, PatternPool patterns)
    {
        public int Pattern { get; } = pattern;
        public bool IsNullable { get; } = patterns.IsNullable(pattern);

        /// <summary>Classes of bytes that change nothing; none where exits are looked for.</summary>
        public ulong Staying { get; } = patterns.IsNullable(pattern) ? 0 : StayingOf(patterns, pattern);

        /// <summary>The place behind each byte; null is not known yet.</summary>
        public Place?[] Behind { get; } = new Place?[256];
    }

    /// <summary>The places of a terminal.</summary>
    private sealed class Places(PatternPool patterns)
    {
        private readonly Dictionary<int, Place> _places = [];

        /// <summary>No text goes on like this.</summary>
        public Place Dead { get; } = new(PatternPool.Nothing, patterns);

        /// <summary>Bytes to the end from one of them, at most.</summary>
        public long LongestEnd { get; private set; }

        public Place Behind(Place place, byte value) => place.Behind[value] ??= Of(patterns.Step(place.Pattern, value));

        public Place Of(int pattern)
        {
            if (pattern == PatternPool.Nothing) return Dead;
            if (_places.TryGetValue(pattern, out Place? known)) return known;
            LongestEnd = Math.Max(LongestEnd, patterns.MinLength(pattern));
            return _places[pattern] = new Place(pattern, patterns);
        }
    }
}
