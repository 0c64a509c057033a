namespace Edge.Llm.Conversion;

/// <summary>The tokens of a model as a GGUF file lists them: one for each row of the embedding. Rows that no token uses are padding.</summary>
internal sealed class HfVocabulary
{
    private const float PaddingScore = -10000, AddedScore = -1000;

    private readonly string?[] _texts;
    private readonly TokenType[] _types;
    private readonly float[] _scores;
    private readonly Dictionary<string, int> _ids = [];

    /// <summary>A vocabulary of <paramref name="size"/> tokens, all padding.</summary>
    public HfVocabulary(int size)
    {
        _texts = new string?[size];
        _types = new TokenType[size];
        _scores = new float[size];
        Array.Fill(_types, TokenType.Unused);
        Array.Fill(_scores, PaddingScore);
    }

    /// <summary>Tokens, padding included.</summary>
    public int Size => _texts.Length;

    /// <summary>tokenizer.ggml.model: llama (SentencePiece) or gpt2 (byte-level BPE).</summary>
    public required string Model { get; init; }

    /// <summary>tokenizer.ggml.pre.</summary>
    public required string Pre { get; init; }

    /// <summary>Merges, the first to be done first; none for SentencePiece, which has scores.</summary>
    public string[]? Merges { get; init; }

    /// <summary>Whether a space is put before a text; null where the file need not say.</summary>
    public bool? AddSpacePrefix { get; init; }

    /// <summary>A token's id, or -1.</summary>
    public int Find(string text) => _ids.GetValueOrDefault(text, -1);

    /// <summary>Sets a token that has no id yet in this vocabulary.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: the id is beyond the model's embedding, or taken.</exception>
    public void Set(int id, string text, TokenType type, float score, string where)
    {
        Check(id, text, where);
        if (_texts[id] is { } other)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{where}: tokens '{other}' and '{text}' have the same id {id}");
        Put(id, text, type, score);
    }

    /// <summary>Adds a token to those of the tokenizer's training, or says more of one of them.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public void SetAdded(int id, string text, bool special, string where)
    {
        Check(id, text, where);
        TokenType type = special || LooksSpecial(text) ? TokenType.Control : TokenType.UserDefined;
        // The unknown token and the bytes stay what they are.
        if (_texts[id] == text && _types[id] is TokenType.Unknown or TokenType.Byte) return;
        if (_texts[id] is { } old && _ids.GetValueOrDefault(old, -1) == id) _ids.Remove(old);
        Put(id, Model == "llama" && type == TokenType.UserDefined ? text.Replace('▁', ' ') : text, type, AddedScore);
        _ids.TryAdd(text, id);
    }

    /// <summary>Writes the keys of <c>tokenizer.ggml</c>.</summary>
    public void WriteTo(GgufWriter writer)
    {
        writer.AddMetadata("tokenizer.ggml.model", Model);
        writer.AddMetadata("tokenizer.ggml.pre", Pre);
        writer.AddMetadata("tokenizer.ggml.tokens", [.. _texts.Select((text, id) => text ?? $"[PAD{id}]")]);
        if (Model == "llama") writer.AddMetadata("tokenizer.ggml.scores", _scores);
        writer.AddMetadata("tokenizer.ggml.token_type", Array.ConvertAll(_types, type => (int)type));
        if (Merges is not null) writer.AddMetadata("tokenizer.ggml.merges", Merges);
        if (AddSpacePrefix is { } add) writer.AddMetadata("tokenizer.ggml.add_space_prefix", add);
    }

    /// <summary>Texts that are control tokens even where the tokenizer's files do not call them special: llama.cpp's rule.</summary>
    private static bool LooksSpecial(string text) =>
        text is "<pad>" or "<mask>" or "<2mass>" or "[@BOS@]"
        || Between(text, "<|", "|>") || Between(text, "<｜", "｜>") || Between(text, "<unused", ">");

    private static bool Between(string text, string start, string end) =>
        text.StartsWith(start, StringComparison.Ordinal) && text.EndsWith(end, StringComparison.Ordinal);

    private void Check(int id, string text, string where)
    {
        if (id < 0 || id >= Size)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{where}: token '{text}' has the id {id}, and the model's embedding has {Size} rows");
    }

    private void Put(int id, string text, TokenType type, float score)
    {
        _texts[id] = text;
        _types[id] = type;
        _scores[id] = score;
        _ids.TryAdd(text, id);
    }
}
