using System.Runtime.CompilerServices;

namespace Edge.Llm.Grammars;

/// <summary>The text tokens of a vocabulary as a tree of their bytes, in depth-first order: what lies below a node follows it, up to its end.
/// Control tokens, unknown ones and those that end a generation are not in it.</summary>
internal sealed class TokenTree
{
    private static readonly ConditionalWeakTable<Tokenizer, TokenTree> s_trees = [];

    private readonly byte[] _labels;
    private readonly int[] _ends; // the node after a subtree
    private readonly int[] _firstToken; // of a node; the next node's first is the end
    private readonly int[] _tokens;
    private readonly ushort[] _longestBelow; // bytes of the longest token that ends at a node or below it
    private readonly ulong[] _classesBelow; // of the bytes below a node

    private TokenTree(Tokenizer tokenizer)
    {
        Tokenizer = tokenizer;
        Vocabulary vocabulary = tokenizer.Vocabulary;
        EndOfGeneration = [.. vocabulary.EndOfGenerationIds.Order()];
        var ids = new List<int>(vocabulary.Count);
        for (int id = 0; id < vocabulary.Count; id++)
            if (IsText(id)) ids.Add(id);
        int[] sorted = [.. ids];
        Array.Sort(sorted, (a, b) => TextOf(a).SequenceCompareTo(TextOf(b)) is not 0 and int order ? order : a.CompareTo(b));

        List<byte> labels = [0];
        List<int> ends = [0], first = [0];
        List<ushort> longest = [0];
        var path = new List<int> { 0 };
        var previous = ReadOnlySpan<byte>.Empty;
        for (int i = 0; i < sorted.Length; i++)
        {
            ReadOnlySpan<byte> text = TextOf(sorted[i]);
            LongestText = Math.Max(LongestText, text.Length);
            int common = text.CommonPrefixLength(previous);
            while (path.Count > common + 1) Close();
            for (int depth = common; depth < text.Length; depth++)
            {
                path.Add(labels.Count);
                labels.Add(text[depth]);
                ends.Add(0);
                first.Add(i);
                longest.Add(0);
            }
            ushort length = (ushort)Math.Min(text.Length, ushort.MaxValue);
            foreach (int node in path) longest[node] = Math.Max(longest[node], length);
            previous = text;
        }
        while (path.Count > 0) Close();
        first.Add(sorted.Length);
        (_labels, _ends, _firstToken, _tokens, _longestBelow) = ([.. labels], [.. ends], [.. first], sorted, [.. longest]);
        _classesBelow = new ulong[_labels.Length];
        for (int node = _labels.Length - 1; node >= 0; node--)
            for (int child = node + 1; child < _ends[node]; child = _ends[child])
                _classesBelow[node] |= _classesBelow[child] | ByteClasses.Of(_labels[child]);

        void Close()
        {
            ends[path[^1]] = labels.Count;
            path.RemoveAt(path.Count - 1);
        }
    }

    public static TokenTree Of(Tokenizer tokenizer) => s_trees.GetValue(tokenizer, static key => new TokenTree(key));

    public Tokenizer Tokenizer { get; }

    /// <summary>The tokens that end a generation.</summary>
    public int[] EndOfGeneration { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int LongestText { get; }

    /// <summary>Masks of terminals, for all grammars of the vocabulary.</summary>
    public TerminalMasks Masks { get; } = new();

    public int NodeCount => _labels.Length;

    public ReadOnlySpan<byte> Labels => _labels;

    public ReadOnlySpan<int> Ends => _ends;

    /// <summary>Bytes of the longest token that ends at a node or below it.</summary>
    public int LongestBelow(int node) => _longestBelow[node];

    /// <summary>The classes of the bytes below a node.</summary>
    public ulong ClassesBelow(int node) => _classesBelow[node];

    /// <summary>The tokens that end at a node.</summary>
    public ReadOnlySpan<int> TokensAt(int node) => _tokens.AsSpan(_firstToken[node].._firstToken[node + 1]);

    /// <summary>The tokens that end at a node or below it.</summary>
    public ReadOnlySpan<int> TokensBelow(int node) => _tokens.AsSpan(_firstToken[node].._firstToken[_ends[node]]);

    /// <summary>Whether a token stands for text.</summary>
    public bool IsText(int token) =>
        Tokenizer.Vocabulary.GetType(token) is TokenType.Normal or TokenType.UserDefined or TokenType.Byte
        && !Tokenizer.Vocabulary.IsEndOfGeneration(token) && !TextOf(token).IsEmpty;

    /// <summary>What a token stands for.</summary>
    public ReadOnlySpan<byte> TextOf(int token) => Tokenizer.DecodeToken(token);

    /// <summary>The node of a text, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        int node = 0;
        foreach (byte value in text)
            if ((node = Child(node, value)) < 0) return -1;
        return node;
    }

    /// <summary>The node behind a byte, or -1.</summary>
    public int Child(int node, byte value)
    {
        int end = _ends[node];
        for (int child = node + 1; child < end; child = _ends[child])
            if (_labels[child] == value) return child;
        return -1;
    }
}
