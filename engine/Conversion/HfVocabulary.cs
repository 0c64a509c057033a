using System.Text;
using Edge.Llm.Tokenization;

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

    /// <summary>tokenizer.ggml.model: llama (SentencePiece), gpt2 (byte-level BPE) or bert (WordPiece).</summary>
    public required string Model { get; init; }

    /// <summary>tokenizer.ggml.pre.</summary>
    public required string Pre { get; init; }

    /// <summary>Merges, the first to be done first; none for SentencePiece, which has scores.</summary>
    public string[]? Merges { get; init; }

    /// <summary>Whether a space is put before a text; null where the file need not say.</summary>
    public bool? AddSpacePrefix { get; init; }

    /// <summary>WordPiece: texts become lower-case.</summary>
    public bool Lowercases { get; init; } = true;

    /// <summary>WordPiece: letters lose their accents.</summary>
    public bool StripsAccents { get; init; } = true;

    /// <summary>Tokens of the tokenizer's training.</summary>
    public int Trained { get; private set; }

    /// <summary>A token's id, or -1.</summary>
    public int Find(string text) => _ids.GetValueOrDefault(text, -1);

    /// <summary>A token's text, or null for padding.</summary>
    public string? GetText(int id) => _texts[id];

    /// <summary>A token's type.</summary>
    public TokenType GetType(int id) => _types[id];

    /// <summary>Sets a token of the tokenizer's training.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: the id is beyond the model's embedding, or the id or the text is taken.</exception>
    public void Set(int id, string text, TokenType type, float score, string where)
    {
        if (id < 0 || id >= Size) throw Invalid(where, $"token '{text}' has the id {id}, and the model's embedding has {Size} rows");
        if (_texts[id] is { } other) throw Invalid(where, $"tokens '{other}' and '{text}' have the same id {id}");
        if (_ids.TryGetValue(text, out int taken)) throw Invalid(where, $"token '{text}' has two ids, {taken} and {id}");
        Trained++;
        Put(id, text, type, score);
    }

    /// <summary>Adds a token to those of the tokenizer's training, or says more of one of them.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it would take the place of a token that texts are still cut into.</exception>
    public void SetAdded(int id, string text, bool special, string where)
    {
        if (_ids.TryGetValue(text, out int taken))
        {
            if (taken != id) throw Invalid(where, $"token '{text}' has two ids, {taken} and {id}");
            if (_types[id] is TokenType.Unknown or TokenType.Byte) return; // they stay what they are
        }
        if (_texts[id] is { } old && _ids.GetValueOrDefault(old, -1) == id && old != text)
        {
            if (_types[id] is TokenType.Normal or TokenType.Unknown or TokenType.Byte)
                throw Invalid(where, $"tokens '{old}' and '{text}' have the same id {id}");
            _ids.Remove(old);
        }
        TokenType type = special || LooksSpecial(text) ? TokenType.Control : TokenType.UserDefined;
        Put(id, text, type, AddedScore);
        _ids.TryAdd(text, id);
    }

    /// <summary>Makes a token a control token, if it is no unknown token and no byte.</summary>
    public void MakeControl(int id)
    {
        if (_types[id] is not (TokenType.Unknown or TokenType.Byte)) _types[id] = TokenType.Control;
    }

    /// <summary>The tokens as a reader of the file sees them: by their texts it knows more of them than the file says.</summary>
    public Vocabulary Read(Dictionary<string, int> ids)
    {
        var texts = new PackedStrings.Builder(Size);
        for (int id = 0; id < Size; id++) texts.Add(Encoding.UTF8.GetBytes(Text(id)));
        return new Vocabulary(new VocabularyData { Model = Model, Pre = "gpt-2", Texts = texts.Build(), Types = _types, Ids = ids, AddBos = false });
    }

    /// <summary>Writes the keys of <c>tokenizer.ggml</c>.</summary>
    public void WriteTo(GgufWriter writer)
    {
        writer.AddMetadata("tokenizer.ggml.model", Model);
        writer.AddMetadata("tokenizer.ggml.pre", Pre);
        writer.AddMetadata("tokenizer.ggml.tokens", [.. Enumerable.Range(0, Size).Select(Text)]);
        if (Model == "llama") writer.AddMetadata("tokenizer.ggml.scores", _scores);
        writer.AddMetadata("tokenizer.ggml.token_type", Array.ConvertAll(_types, type => (int)type));
        if (Merges is not null) writer.AddMetadata("tokenizer.ggml.merges", Merges);
        if (AddSpacePrefix is { } add) writer.AddMetadata("tokenizer.ggml.add_space_prefix", add);
        if (!Lowercases) writer.AddMetadata("tokenizer.ggml.normalizer.lowercase", false);
        if (StripsAccents != Lowercases) writer.AddMetadata("tokenizer.ggml.normalizer.strip_accents", StripsAccents);
    }

    /// <summary>Texts that are control tokens even where the tokenizer's files do not call them special: llama.cpp's rule.</summary>
    private static bool LooksSpecial(string text) =>
        text is "<pad>" or "<mask>" or "<2mass>" or "[@BOS@]"
        || Between(text, "<|", "|>") || Between(text, "<｜", "｜>") || Between(text, "<unused", ">");

    private static bool Between(string text, string start, string end) =>
        text.StartsWith(start, StringComparison.Ordinal) && text.EndsWith(end, StringComparison.Ordinal);

    private string Text(int id)
    {
        if (_texts[id] is { } text) return Model == "llama" && _types[id] == TokenType.UserDefined ? text.Replace('▁', ' ') : text;
        string padding = $"[PAD{id}]";
        while (_ids.ContainsKey(padding)) padding = $"[{padding}]"; // readers take no text twice
        return padding;
    }

    private static EdgeLlmException Invalid(string where, string message) => new(ErrorCode.InvalidFile, $"{where}: {message}");

    private void Put(int id, string text, TokenType type, float score)
    {
        _texts[id] = text;
        _types[id] = type;
        _scores[id] = score;
        _ids.TryAdd(text, id);
    }
}
