using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>A stretch of text, or (Token >= 0) a special token found in it.</summary>
internal readonly record struct Fragment(int Start, int Length, int Token);

/// <summary>Cuts text at special tokens as llama.cpp does: the longest token takes all its occurrences first, left to right, then the next
/// longest in what is left. One Aho-Corasick pass finds every occurrence of every token, so the time does not grow with the number of
/// tokens.</summary>
internal sealed class SpecialTokenMatcher
{
    private const int Root = 0;

    private readonly Vocabulary _vocabulary;
    private readonly int[] _byRank; // token ids, longest text first
    private readonly Dictionary<long, int> _next = []; // (node, byte) to node
    private readonly List<int> _fail = [Root];
    private readonly List<int> _rank = [-1]; // of the token that ends at this node
    private readonly List<int> _suffix = [Root]; // nearest node along the failure links where a token ends
    private readonly SearchValues<byte> _firstBytes;
    private readonly HashSet<int> _stripLeft;
    private readonly HashSet<int> _stripRight;

    public SpecialTokenMatcher(Vocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        _byRank = [.. Enumerable.Range(0, vocabulary.Count)
            .Where(id => vocabulary.GetType(id) is TokenType.Control or TokenType.UserDefined or TokenType.Unknown && vocabulary.GetText(id).Length > 0)
            .OrderByDescending(id => vocabulary.GetText(id).Length)];
        for (int rank = 0; rank < _byRank.Length; rank++) Insert(vocabulary.GetText(_byRank[rank]), rank);
        LinkFailures();
        _firstBytes = SearchValues.Create([.. _byRank.Select(id => vocabulary.GetText(id)[0]).Distinct()]);
        (_stripLeft, _stripRight) = SpecialTokens.Strips(vocabulary, _byRank);
    }

    /// <summary>The fragments in order. Control and unknown tokens count only when <paramref name="parseSpecial"/>; user-defined ones
    /// always; with a mask, only those that it allows.</summary>
    public List<Fragment> Partition(ReadOnlySpan<byte> text, bool parseSpecial, PromptMask? mask = null)
    {
        if (text.IsEmpty) return [];
        List<long> matches = FindAll(text, parseSpecial, mask);
        if (matches.Count == 0) return [new Fragment(0, text.Length, -1)];
        matches.Sort();

        bool[] taken = ArrayPool<bool>.Shared.Rent(text.Length);
        taken.AsSpan(0, text.Length).Clear();
        var tokens = new List<Fragment>();
        foreach (long match in matches)
        {
            int id = _byRank[(int)(match >> 32)], start = (int)match, end = start + _vocabulary.GetText(id).Length;
            // What is taken already came in stretches at least this long, so an overlap shows at one of the ends.
            if (taken[start] || taken[end - 1]) continue;
            taken.AsSpan(start..end).Fill(true);
            tokens.Add(new Fragment(start, end - start, id));
            if (_stripLeft.Contains(id))
                for (int i = start - 1; i >= 0 && !taken[i] && IsSpace(text[i]); i--) taken[i] = true;
            if (_stripRight.Contains(id))
                for (int i = end; i < text.Length && !taken[i] && IsSpace(text[i]); i++) taken[i] = true;
        }
        tokens.Sort((a, b) => a.Start.CompareTo(b.Start));
        List<Fragment> fragments = WithTextBetween(tokens, taken, text.Length);
        ArrayPool<bool>.Shared.Return(taken);
        return fragments;
    }

    /// <summary>User-defined tokens that are markup all the same: bracketed like a control token, or bracketed and written by the chat
    /// template. Others (runs of spaces, HTML tags) are how the vocabulary spells plain text.</summary>
    public IEnumerable<int> Markers(ReadOnlySpan<byte> template)
    {
        var written = new HashSet<int>(FindAll(template, parseSpecial: true, mask: null).Select(match => _byRank[(int)(match >> 32)]));
        return _byRank.Where(id => _vocabulary.GetType(id) == TokenType.UserDefined && IsMarkup(_vocabulary.GetText(id), written.Contains(id)));
    }

    private static bool IsMarkup(ReadOnlySpan<byte> text, bool written) =>
        text.StartsWith("<|"u8) || text.StartsWith("<｜"u8) || (written && text[0] is (byte)'<' or (byte)'[' && text[^1] is (byte)'>' or (byte)']');

    private static List<Fragment> WithTextBetween(List<Fragment> tokens, bool[] taken, int length)
    {
        var fragments = new List<Fragment>(tokens.Count * 2 + 1);
        int at = 0;
        foreach (Fragment token in tokens.Append(new Fragment(length, 0, -1)))
        {
            int end = token.Start;
            while (at < end && taken[at]) at++;
            int textEnd = end;
            while (textEnd > at && taken[textEnd - 1]) textEnd--;
            if (textEnd > at) fragments.Add(new Fragment(at, textEnd - at, -1));
            if (token.Token >= 0) fragments.Add(token);
            at = end + token.Length;
        }
        return fragments;
    }

    /// <summary>Every occurrence of every token as (rank, start): sorted, they come in the order in which they are taken.</summary>
    private List<long> FindAll(ReadOnlySpan<byte> text, bool parseSpecial, PromptMask? mask)
    {
        var matches = new List<long>();
        if (_byRank.Length == 0) return matches;
        int node = Root;
        for (int i = 0; i < text.Length; i++)
        {
            if (node == Root)
            {
                int skip = text[i..].IndexOfAny(_firstBytes);
                if (skip < 0) break;
                i += skip;
            }
            node = Step(node, text[i]);
            for (int end = _rank[node] >= 0 ? node : _suffix[node]; end != Root; end = _suffix[end])
            {
                int id = _byRank[_rank[end]];
                int start = i + 1 - _vocabulary.GetText(id).Length;
                if (!parseSpecial && _vocabulary.GetType(id) != TokenType.UserDefined) continue;
                if (mask is not null && !mask.Allows(id, _vocabulary.GetType(id), start, i + 1)) continue;
                matches.Add(((long)_rank[end] << 32) | (uint)start);
            }
        }
        return matches;
    }

    private int Step(int node, byte value)
    {
        int next;
        while (!_next.TryGetValue(Edge(node, value), out next))
        {
            if (node == Root) return Root;
            node = _fail[node];
        }
        return next;
    }

    private void Insert(ReadOnlySpan<byte> text, int rank)
    {
        int node = Root;
        foreach (byte value in text)
        {
            if (!_next.TryGetValue(Edge(node, value), out int next))
            {
                next = _fail.Count;
                _next.Add(Edge(node, value), next);
                _fail.Add(Root);
                _rank.Add(-1);
                _suffix.Add(Root);
            }
            node = next;
        }
        if (_rank[node] < 0) _rank[node] = rank;
    }

    private void LinkFailures()
    {
        // Breadth first: a node's failure link is shallower, so it is ready before the node needs it.
        ILookup<int, (byte Value, int Child)> children = _next.ToLookup(edge => (int)(edge.Key >> 8), edge => ((byte)edge.Key, edge.Value));
        var queue = new Queue<int>([Root]);
        while (queue.TryDequeue(out int node))
        {
            foreach ((byte value, int child) in children[node])
            {
                if (node != Root) _fail[child] = Step(_fail[node], value);
                _suffix[child] = _rank[_fail[child]] >= 0 ? _fail[child] : _suffix[_fail[child]];
                queue.Enqueue(child);
            }
        }
    }

    private static long Edge(int node, byte value) => ((long)node << 8) | value;

    private static bool IsSpace(byte value) => value is (byte)' ' or (>= 9 and <= 13);
}
