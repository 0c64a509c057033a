namespace Edge.Llm.Conversion;

/// <summary>Adds tokens to a vocabulary after its training. Hugging Face's library numbers them itself, whatever their file says; so an id that it
/// would not give is an error. Tokens beyond the model's embedding are left out: it cannot read or write them.</summary>
/// <param name="vocabulary">The vocabulary.</param>
/// <param name="numbered">Ids are those that the library gives; false where only tokenizer.model is there, whose added ones keep their ids.</param>
internal sealed class AddedTokens(HfVocabulary vocabulary, bool numbered)
{
    private const int Shown = 5, MaxLength = 1024;
    private const ulong Factor = 0x9E37_79B9_7F4A_7C15;

    private readonly Dictionary<string, int> _leftOut = [];
    private readonly HashSet<string> _texts = [];
    private int _next;

    /// <summary>A line about the tokens that were left out, or null.</summary>
    public string? Notice
    {
        get
        {
            if (_leftOut.Count == 0) return null;
            IEnumerable<string> shown = _leftOut.Take(Shown).Select(token => $"'{token.Key}' ({token.Value})");
            if (_leftOut.Count > Shown) shown = shown.Append($"{_leftOut.Count - Shown} more");
            return $"added tokens without a row in the model's embedding ({vocabulary.Size} rows) are left out: {string.Join(", ", shown)}";
        }
    }

    /// <summary>Whether a token was left out.</summary>
    public bool IsLeftOut(string text) => _leftOut.ContainsKey(text);

    /// <summary>Adds a token, or says more of one that is there.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public void Add(int id, string text, bool special, string where)
    {
        if (text.Length is 0 or > MaxLength)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{where}: a token of {text.Length} characters, expected 1 to {MaxLength}");
        int known = _leftOut.GetValueOrDefault(text, vocabulary.Find(text));
        int expected = known >= 0 ? known : numbered ? Math.Max(vocabulary.Trained, _next) : id;
        if (id != expected)
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{where}: token '{text}' has the id {id}, and Hugging Face's library gives it {expected}");
        _next = Math.Max(_next, checked(id + 1));
        if (id >= vocabulary.Size)
        {
            _leftOut.TryAdd(text, id);
            return;
        }
        vocabulary.SetAdded(id, text, special, where);
        _texts.Add(text);
    }

    /// <summary>Checks that the order does not matter: Hugging Face's library takes the leftmost token, readers of a GGUF file the longest.</summary>
    /// <exception cref="EdgeLlmException">Unsupported: a token may end within a longer one.</exception>
    public void CheckOverlaps(string where)
    {
        var byPrefix = new Dictionary<ulong, string>(); // the longest token that begins so, by a hash
        foreach (string text in _texts)
        {
            ulong hash = 0;
            foreach (char c in text.AsSpan(0, text.Length - 1))
            {
                hash = (hash * Factor) + c;
                if (!byPrefix.TryGetValue(hash, out string? other) || other.Length < text.Length) byPrefix[hash] = text;
            }
        }
        foreach (string text in _texts)
        {
            ulong hash = 0, power = 1;
            for (int i = text.Length - 1; i > 0; i--)
            {
                hash += power * text[i];
                power *= Factor;
                if (!byPrefix.TryGetValue(hash, out string? longer) || longer == text || longer.Length < text.Length) continue;
                if (!longer.StartsWith(text[i..], StringComparison.Ordinal) || IsPrefix(text + longer[(text.Length - i)..], text.Length)) continue;
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"{where}: added tokens '{text}' and '{longer}': in a text where the one ends within the other, "
                    + "Hugging Face's library finds the former, readers of a GGUF file the latter");
            }
        }
    }

    // Whether a longer token than one of that length begins a text: that is then found by both.
    private bool IsPrefix(string text, int length)
    {
        for (int end = length + 1; end <= text.Length; end++)
            if (_texts.Contains(text[..end])) return true;
        return false;
    }
}
