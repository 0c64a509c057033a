using System.Globalization;

namespace Edge.Llm.Conversion;

/// <summary>Turns the merges of a SentencePiece model that became a tokenizer.json back into scores. Readers of scores merge whatever two neighbours
/// make a token, best score first; so every pair that makes a token must be a merge, and the merges of one token must have one place.</summary>
internal static class PieceScores
{
    private const int MaxPieceLength = 1024; // each way to cut a piece in two is looked at

    /// <summary>Scores by token: how late its first merge comes, negated, as the original's is. Tokens without merges, which are never built, get
    /// one below all others.</summary>
    /// <param name="model">The model.</param>
    /// <param name="added">Tokens that are cut out of texts before merging.</param>
    /// <exception cref="EdgeLlmException">Unsupported: the merges are not those of pieces with scores.</exception>
    public static Func<string, float> Of(BpeModel model, HashSet<string> added)
    {
        if (model.IgnoresMerges)
            throw model.Unsupported("ignore_merges: expected false with byte_fallback, found true, which a GGUF file cannot say");
        for (int value = 0; value < 256; value++)
        {
            string text = string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            if (ByteAlphabet.OccursInText((byte)value) && !model.Ids.ContainsKey(text))
                throw model.Unsupported($"vocab: byte_fallback, and no token {text}");
        }
        var ranks = new Dictionary<string, int>();
        string last = "";
        for (int i = 0; i < model.Merges.Count; i++)
        {
            string text = model.Merges[i].Left + model.Merges[i].Right;
            if (text == last) continue;
            if (!ranks.TryAdd(text, i))
                throw model.Unsupported($"merges: those that make '{text}' are not together, and a GGUF file has one score for it");
            last = text;
        }
        CheckPairs(model, added);
        return text => ranks.TryGetValue(text, out int rank) ? -rank : -(float)(model.Merges.Count + model.Ids[text]);
    }

    private static void CheckPairs(BpeModel model, HashSet<string> added)
    {
        var merges = new HashSet<(string, string)>(model.Merges);
        var tokens = model.Ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string text in model.Ids.Keys)
        {
            if (added.Contains(text)) continue;
            if (text.Length > MaxPieceLength)
                throw model.Unsupported($"vocab: a token of {text.Length} characters, expected at most {MaxPieceLength}");
            for (int i = 1; i < text.Length; i++)
                if (tokens.ContainsKey(text.AsSpan(0, i)) && tokens.ContainsKey(text.AsSpan(i)) && !merges.Contains((text[..i], text[i..])))
                    throw model.Unsupported(
                        $"merges: '{text[..i]}' and '{text[i..]}' make the token '{text}', and are no merge; readers of a GGUF file "
                        + "would merge them");
        }
    }
}
