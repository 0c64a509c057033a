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

    /// <summary>Null where a terminal may end in too many places.</summary>
    public static TerminalMask? Compute(PatternPool patterns, int pattern, TokenTree tree)
    {
        var mask = new TokenMask(tree.Tokenizer.Vocabulary.Count);
        var exits = new List<(byte, int)>();
        long longestEnd = 0;
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        int[] rows = new int[tree.LongestText + 1], endOf = new int[tree.LongestText + 1];
        int[][] rowOf = new int[tree.LongestText + 1][];
        int depth = 0, node = 1, count = tree.NodeCount;
        (rows[0], rowOf[0], endOf[0]) = (pattern, patterns.Row(pattern), count);
        while (node < count)
        {
            while (node >= endOf[depth]) depth--;
            int next = rowOf[depth] is { } row ? row[labels[node]] : patterns.Step(rows[depth], labels[node]);
            int end = ends[node];
            if (next == PatternPool.Nothing)
            {
                node = end;
                continue;
            }
            foreach (int token in tree.TokensAt(node)) mask.Add(token);
            longestEnd = Math.Max(longestEnd, patterns.MinLength(next));
            if (end == node + 1)
            {
                node = end;
                continue;
            }
            if (patterns.IsNullable(next))
            {
                for (int child = node + 1; child < end; child = ends[child]) exits.Add((labels[child], child));
                if (exits.Count > MostExits) return null;
                if (next == PatternPool.Empty)
                {
                    node = end;
                    continue;
                }
            }
            depth++;
            (rows[depth], rowOf[depth], endOf[depth]) = (next, patterns.KnownRow(next)!, end);
            node++;
        }
        return new TerminalMask(mask, exits, longestEnd);
    }
}
