namespace Edge.Llm.Tokenization;

/// <summary>Which bytes of a prompt in UTF-8 came from the conversation, and which special tokens those may still spell.</summary>
internal sealed class PromptMask
{
    private readonly List<(int Start, int End)> _user = [];
    private readonly HashSet<int> _markers = [];

    /// <summary>Bytes from start to before end came from the conversation; they lie behind those that were added before.</summary>
    public void AddUser(int start, int end) => _user.Add((start, end));

    /// <summary>Tokens that stand for the template's markup although the vocabulary calls them text.</summary>
    public void AddMarker(int id) => _markers.Add(id);

    public bool Allows(int id, TokenType type, int start, int end) =>
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
}
