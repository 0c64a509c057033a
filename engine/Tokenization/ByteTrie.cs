namespace Edge.Llm.Tokenization;

/// <summary>Finds the texts that a text begins with: a tree of bytes whose nodes stand in breadth-first order, so that the children of a node
/// stand side by side.</summary>
internal sealed class ByteTrie
{
    public const int Root = 0;

    /// <summary>Far above any token of the kinds that use this: a walk from each place of a text stays in proportion to the text.</summary>
    private const int LongestText = 1024;

    private readonly byte[] _labels; // of the edge to a node
    private readonly int[] _children; // the first child of a node; the next node's first child is the end
    private readonly int[] _values; // of the text that ends at a node, or -1

    /// <summary>The tree of some texts, with their indices as values. Of equal texts the first counts; an empty one is never found.</summary>
    /// <exception cref="EdgeLlmException">Unsupported: a text is too long.</exception>
    public ByteTrie(PackedStrings texts, IEnumerable<int> indices)
    {
        int[] sorted = [.. indices.Where(index => !texts[index].IsEmpty)];
        foreach (int index in sorted)
            if (texts[index].Length > LongestText) throw TooLong(index, texts[index].Length);
        Array.Sort(sorted, (a, b) => texts[a].SequenceCompareTo(texts[b]) is not 0 and int order ? order : a.CompareTo(b));

        List<byte> labels = [0];
        List<int> children = [], values = [];
        var nodes = new Queue<(int First, int End, int Depth)>([(0, sorted.Length, 0)]); // what of the sorted texts lies under a node
        while (nodes.TryDequeue(out (int First, int End, int Depth) node))
        {
            (int at, int end, int depth) = node;
            children.Add(labels.Count);
            values.Add(at < end && texts[sorted[at]].Length == depth ? sorted[at] : -1);
            while (at < end && texts[sorted[at]].Length == depth) at++;
            while (at < end)
            {
                int first = at;
                byte label = texts[sorted[at]][depth];
                while (at < end && texts[sorted[at]][depth] == label) at++;
                labels.Add(label);
                nodes.Enqueue((first, at, depth + 1));
            }
        }
        children.Add(labels.Count);
        (_labels, _children, _values) = ([.. labels], [.. children], [.. values]);
    }

    /// <summary>The node behind a byte, or -1.</summary>
    public int Step(int node, byte value)
    {
        int first = _children[node];
        int at = _labels.AsSpan(first.._children[node + 1]).IndexOf(value);
        return at < 0 ? -1 : first + at;
    }

    /// <summary>The value of the text that ends at a node, or -1.</summary>
    public int ValueAt(int node) => _values[node];

    /// <summary>The value of the longest text that a text begins with, or -1.</summary>
    public int Longest(ReadOnlySpan<byte> text, out int length)
    {
        int longest = -1, node = Root;
        length = 0;
        for (int at = 0; at < text.Length && (node = Step(node, text[at])) >= 0; at++)
        {
            if (ValueAt(node) < 0) continue;
            longest = ValueAt(node);
            length = at + 1;
        }
        return longest;
    }

    private static EdgeLlmException TooLong(int index, int length) =>
        new(ErrorCode.Unsupported, $"token {index}: expected at most {LongestText} bytes, found {length}");
}
