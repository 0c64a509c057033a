namespace Edge.Llm.Conversion;

/// <summary>Vocabularies from tokenizer.json, the format of Hugging Face's tokenizers library: what the file asks for is done by readers of a
/// GGUF file as well, or it is refused.</summary>
internal static class TokenizerJson
{
    /// <summary>The end of a refusal where a tokenizer.model is in the folder as well.</summary>
    public const string Advice = "; without tokenizer.json in the folder tokenizer.model alone counts";

    /// <summary>Reads a WordPiece vocabulary, or a BPE, byte-level or with bytes to fall back on.</summary>
    /// <param name="tokenizer">The file.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="size">Tokens that the model knows.</param>
    /// <param name="pre">Name of the pre-tokenizer, or null to find it.</param>
    /// <param name="notices">What the file cannot say is added to these.</param>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: another kind of tokenizer, or a pre-tokenizer that is not known.</exception>
    public static HfVocabulary Read(CheckedJson tokenizer, HfFolder folder, int size, string? pre, List<string> notices)
    {
        Check(tokenizer, folder, notices);
        HashSet<string> added = [.. Added(tokenizer).Select(token => token.Text("content") ?? throw token.Invalid("missing key content"))];
        if (WordPieceVocabulary.IsOne(tokenizer)) return WordPieceVocabulary.Read(tokenizer, folder.TokenizerConfig, size, added);
        BpeModel model = BpeModel.Read(tokenizer);
        return model.FallsBackToBytes ? Pieces(tokenizer, model, size, added, notices) : ByteLevel(tokenizer, model, size, pre, added, notices);
    }

    /// <summary>Checks that a tokenizer.json beside a SentencePiece model says the same. Hugging Face reads the former.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static void CheckAgainst(CheckedJson tokenizer, HfFolder folder, HfVocabulary pieces, List<string> notices)
    {
        Check(tokenizer, folder, notices);
        BpeModel model = BpeModel.Read(tokenizer);
        foreach ((string text, int id) in model.Ids)
            if (pieces.Find(text) != id)
                throw tokenizer.Invalid($"token '{text}' has the id {id}, and in tokenizer.model {pieces.Find(text)}" + Advice);
        if (model.Ids.Count != pieces.Trained) throw tokenizer.Invalid($"{model.Ids.Count} tokens, and in tokenizer.model {pieces.Trained}" + Advice);
        if (!model.FallsBackToBytes) throw tokenizer.Invalid("byte_fallback: expected true, as in tokenizer.model, found false" + Advice);
        (bool prefix, string? differs) = PieceSteps.Read(tokenizer, model);
        if (differs is not null) notices.Add($"tokenizer.json: {differs}; texts are cut as tokenizer.model has it");
        else if (prefix != pieces.AddSpacePrefix)
            throw tokenizer.Invalid($"a space before a text: {prefix}, and in tokenizer.model {pieces.AddSpacePrefix}" + Advice);
    }

    /// <summary>The tokens that were added to the vocabulary.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static IEnumerable<CheckedJson> Added(CheckedJson tokenizer) =>
        tokenizer.Array("added_tokens").Select(element => tokenizer.Item("added_tokens", element));

    /// <summary>A step, or the steps of a sequence.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: a sequence within a sequence.</exception>
    public static IEnumerable<CheckedJson> Steps(CheckedJson tokenizer, string key, string inner)
    {
        if (tokenizer.Object(key) is not { } step) return [];
        if (step.Text("type") != "Sequence") return [step];
        new KeyTable("type " + inner).Check(step);
        return step.Array(inner).Select(element => step.Item(inner, element));
    }

    private static void Check(CheckedJson tokenizer, HfFolder folder, List<string> notices)
    {
        KnownKeys.Tokenizer.Check(tokenizer);
        foreach (string key in (string[])["truncation", "padding"])
            if (tokenizer.TryGet(key, out _)) notices.Add($"tokenizer.json: {key}: not part of a GGUF file; texts keep their length");
        foreach (CheckedJson token in Added(tokenizer)) folder.AddedTokenKeys.Check(token);
        if (Added(tokenizer).Any(token => token.Flag("rstrip") is true))
            notices.Add("tokenizer.json: added tokens with rstrip: Hugging Face drops white space after them, readers of a GGUF file where its name "
                + "has phi-3 or phi3 in it");
        Decoding.Check(tokenizer);
    }

    private static HfVocabulary ByteLevel(
        CheckedJson tokenizer, BpeModel model, int size, string? pre, HashSet<string> added, List<string> notices)
    {
        foreach (CheckedJson step in Steps(tokenizer, "normalizer", "normalizers"))
        {
            if (step.Text("type") != "NFC")
                throw step.Unsupported($"type '{step.Text("type")}': a GGUF file with a byte-level BPE cannot say so; expected NFC or none");
            notices.Add("tokenizer.json: normalizer NFC: a GGUF file cannot say so; texts must be in Unicode's form C to get the same ids");
        }
        foreach ((string left, string right) in model.Merges)
            if (left.Contains(' ', StringComparison.Ordinal) || right.Contains(' ', StringComparison.Ordinal))
                throw tokenizer.Invalid($"merges: a space in '{left}' or '{right}': the spelling of bytes has none");
        pre ??= PreTokenizerName.Find(tokenizer, model, added);
        if (pre is PreTokenizerName.Tekken or PreTokenizerName.Gpt4o)
            notices.Add("tokenizer.json: readers of GGUF files cut words where the case of ASCII letters changes, Hugging Face where "
                + "that of any letter does; some words get other ids");
        return ByteLevel(model, size, pre, notices);
    }

    /// <summary>A byte-level vocabulary whose pre-tokenizer is known.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfVocabulary ByteLevel(BpeModel model, int size, string pre, List<string> notices)
    {
        var vocabulary = new HfVocabulary(size) { Model = "gpt2", Pre = pre, Merges = [.. model.Merges.Select(merge => $"{merge.Left} "
            + $"{merge.Right}")] };
        foreach ((string text, int id) in model.Ids) vocabulary.Set(id, text, TokenType.Normal, 0, "vocab");
        if (ByteAlphabet.Notice(model) is { } notice) notices.Add(notice);
        return vocabulary;
    }

    private static HfVocabulary Pieces(CheckedJson tokenizer, BpeModel model, int size, HashSet<string> added, List<string> notices)
    {
        (bool prefix, string? differs) = PieceSteps.Read(tokenizer, model);
        if (differs is not null)
            throw tokenizer.Unsupported($"{differs}; with the tokenizer.model that this was made of in the folder, that is converted");
        var vocabulary = new HfVocabulary(size) { Model = "llama", Pre = "default", AddSpacePrefix = prefix };
        Func<string, float> score = PieceScores.Of(model, added);
        foreach ((string text, int id) in model.Ids)
        {
            TokenType type = text == model.Unknown && added.Contains(text) ? TokenType.Unknown : IsByte(text) ? TokenType.Byte : TokenType.Normal;
            vocabulary.Set(id, text, type, type == TokenType.Normal ? score(text) : 0, "vocab");
        }
        return vocabulary;
    }

    private static bool IsByte(string text) =>
        text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
        && char.IsAsciiHexDigitUpper(text[3]) && char.IsAsciiHexDigitUpper(text[4]);
}
