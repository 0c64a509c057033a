using System.Text;
using Edge.Llm.Tokenization.Jinja;

namespace Edge.Llm.Tokenization;

/// <summary>Which bytes of a prompt in UTF-8 came from the conversation, and which special tokens those may still spell.</summary>
internal sealed class PromptMask
{
    private readonly List<(int Start, int End)> _user = [];
    private readonly HashSet<int> _markers = [];

    internal PromptMask(TracedText text)
    {
        int start = 0, bytes = 0;
        foreach (Stretch stretch in text.Stretches)
        {
            // A cut pair of surrogates counts as the conversation's.
            int end = stretch.End, from = start;
            if (Splits(text.Value, end) && stretch.FromUser) end++;
            else if (Splits(text.Value, end)) end--;
            int next = bytes + Encoding.UTF8.GetByteCount(text.Value.AsSpan(from, end - from));
            if (stretch.FromUser && next > bytes) _user.Add((bytes, next));
            (start, bytes) = (end, next);
        }
    }

    /// <summary>Tokens that stand for the template's markup although the vocabulary calls them text.</summary>
    internal void AddMarker(int id) => _markers.Add(id);

    internal bool Allows(int id, TokenType type, int start, int end) =>
        (type == TokenType.UserDefined && !_markers.Contains(id)) || !TouchesUser(start, end);

    private bool TouchesUser(int start, int end)
    {
        int low = 0, high = _user.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_user[middle].End <= start) low = middle + 1;
            else high = middle;
        }
        return low < _user.Count && _user[low].Start < end;
    }

    private static bool Splits(string text, int at) => at > 0 && at < text.Length && char.IsSurrogatePair(text[at - 1], text[at]);
}
