using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>Vocabularies from tokenizer.json, the format of Hugging Face's tokenizers library.</summary>
internal static class TokenizerJson
{
    /// <summary>Reads a BPE vocabulary, byte-level or with bytes to fall back on.</summary>
    /// <param name="tokenizer">The file.</param>
    /// <param name="size">Tokens that the model knows.</param>
    /// <param name="pre">Name of the pre-tokenizer, or null to find it.</param>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: another kind of tokenizer, or a pre-tokenizer that is not known.</exception>
    public static HfVocabulary Read(CheckedJson tokenizer, int size, string? pre)
    {
        CheckedJson model = tokenizer.Object("model") ?? throw tokenizer.Invalid("missing key model");
        string type = model.Text("type") ?? "BPE";
        if (type != "BPE") throw model.Unsupported($"type '{type}'; expected BPE");
        CheckedJson vocab = model.Object("vocab") ?? throw model.Invalid("missing key vocab");
        List<(string Left, string Right)> merges = [.. model.Array("merges").Select(merge => ReadMerge(model, merge))];
        return model.Flag("byte_fallback") is true
            ? SentencePiece(tokenizer, model, vocab, merges, size) : ByteLevel(tokenizer, vocab, merges, size, pre);
    }

    /// <summary>Adds the tokens that were added to the vocabulary.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static void ReadAdded(CheckedJson tokenizer, HfVocabulary vocabulary)
    {
        foreach (JsonElement element in tokenizer.Array("added_tokens"))
        {
            CheckedJson added = tokenizer.Item("added_tokens", element);
            string text = added.Text("content") ?? throw added.Invalid("missing key content");
            vocabulary.SetAdded(added.Int("id", 0, int.MaxValue), text, added.Flag("special") is true, "tokenizer.json: added_tokens");
        }
    }

    private static HfVocabulary ByteLevel(CheckedJson tokenizer, CheckedJson vocab, List<(string Left, string Right)> merges, int size, string? pre)
    {
        pre ??= PreTokenizerName.Find(tokenizer)
            ?? throw tokenizer.Unsupported($"pre_tokenizer: none of {string.Join(", ", PreTokenizerName.Known)}; --pre NAME stores one of llama.cpp's names");
        foreach ((string left, string right) in merges)
            if (left.Contains(' ', StringComparison.Ordinal) || right.Contains(' ', StringComparison.Ordinal))
                throw tokenizer.Invalid($"merges: a space in '{left}' or '{right}': the spelling of bytes has none");
        var vocabulary = new HfVocabulary(size) { Model = "gpt2", Pre = pre, Merges = [.. merges.Select(merge => $"{merge.Left} {merge.Right}")] };
        foreach ((string text, int id) in Entries(vocab)) vocabulary.Set(id, text, TokenType.Normal, 0, "tokenizer.json: vocab");
        return vocabulary;
    }

    // A SentencePiece model that was turned into merges: the score of a piece is how late its first merge comes, negated, as the original's is.
    // Pieces without merges are never built, so whatever could build one gets a score below all others.
    private static HfVocabulary SentencePiece(
        CheckedJson tokenizer, CheckedJson model, CheckedJson vocab, List<(string Left, string Right)> merges, int size)
    {
        var ranks = new Dictionary<string, int>();
        for (int i = 0; i < merges.Count; i++) ranks.TryAdd(merges[i].Left + merges[i].Right, i);
        string? unknown = model.Text("unk_token");
        var vocabulary = new HfVocabulary(size) { Model = "llama", Pre = "default", AddSpacePrefix = AddsSpacePrefix(tokenizer) };
        foreach ((string text, int id) in Entries(vocab))
        {
            TokenType type = text == unknown ? TokenType.Unknown : IsByte(text) ? TokenType.Byte : TokenType.Normal;
            float score = type != TokenType.Normal ? 0 : ranks.TryGetValue(text, out int rank) ? -rank : -(float)(merges.Count + id);
            vocabulary.Set(id, text, type, score, "tokenizer.json: vocab");
        }
        return vocabulary;
    }

    private static bool IsByte(string text) =>
        text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
        && char.IsAsciiHexDigit(text[3]) && char.IsAsciiHexDigit(text[4]);

    // The space before a text comes from a normalizer (Prepend) or a pre-tokenizer (Metaspace).
    private static bool AddsSpacePrefix(CheckedJson tokenizer)
    {
        static bool Prepends(CheckedJson step) => step.Text("type") switch
        {
            "Prepend" => step.Text("prepend") is "▁" or " ",
            "Metaspace" => step.Text("prepend_scheme") is { } scheme ? scheme != "never" : step.Flag("add_prefix_space") ?? true,
            _ => false,
        };
        return Steps(tokenizer.Object("normalizer"), "normalizers").Concat(Steps(tokenizer.Object("pre_tokenizer"), "pretokenizers")).Any(Prepends);
    }

    /// <summary>A step, or the steps of a sequence.</summary>
    private static IEnumerable<CheckedJson> Steps(CheckedJson? step, string key)
    {
        if (step is not { } given) return [];
        return given.Text("type") == "Sequence" ? given.Array(key).Select(inner => given.Item(key, inner)) : [given];
    }

    private static IEnumerable<(string Text, int Id)> Entries(CheckedJson vocab)
    {
        foreach (JsonProperty member in vocab.Element.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt32(out int id))
                throw vocab.Invalid($"token '{vocab.Name(member)}': expected an integer");
            yield return (vocab.Name(member), id);
        }
    }

    /// <summary>"left right", or in newer files [left, right].</summary>
    private static (string Left, string Right) ReadMerge(CheckedJson model, JsonElement merge)
    {
        if (merge.ValueKind == JsonValueKind.Array)
        {
            if (merge.GetArrayLength() != 2) throw model.Invalid($"merges: expected two parts, found {merge.GetArrayLength()}");
            return (model.Text("merges", merge[0]), model.Text("merges", merge[1]));
        }
        string text = model.Text("merges", merge);
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0 || text.IndexOf(' ', space + 1) >= 0) throw model.Invalid($"merges: expected two parts, found '{text}'");
        return (text[..space], text[(space + 1)..]);
    }
}
