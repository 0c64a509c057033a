namespace Edge.Llm.Tokenization;

/// <summary>What a file says about its tokenizer, before defaults and well-known names are applied.</summary>
internal sealed class VocabularyData
{
    public required string Model { get; init; }
    public required PackedStrings Texts { get; init; }
    public string Pre { get; init; } = "default";
    public string ModelName { get; init; } = "";
    public string Architecture { get; init; } = "";

    /// <summary>One a token, or null: then all 0.</summary>
    public float[]? Scores { get; init; }

    /// <summary>One a token, or null: then all <see cref="TokenType.Normal"/>.</summary>
    public TokenType[]? Types { get; init; }

    /// <summary>Ids by key name without the <c>tokenizer.ggml.</c> in front: <c>bos_token_id</c>.</summary>
    public Dictionary<string, int> Ids { get; init; } = [];

    public bool? AddBos { get; init; }
    public bool? AddEos { get; init; }
    public bool? AddSep { get; init; }
    public bool? AddSpacePrefix { get; init; }

    private static readonly string[] s_idKeys =
    [
        "bos_token_id", "eos_token_id", "eot_token_id", "eom_token_id", "unknown_token_id", "seperator_token_id", "padding_token_id", "mask_token_id",
        "fim_pre_token_id", "fim_suf_token_id", "fim_mid_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
    ];

    /// <summary>Old names of keys.</summary>
    private static readonly (string Old, string Key)[] s_oldKeys =
        [("prefix_token_id", "fim_pre_token_id"), ("suffix_token_id", "fim_suf_token_id"), ("middle_token_id", "fim_mid_token_id")];

    public static VocabularyData Read(GgufMetadata metadata)
    {
        PackedStrings texts = PackedStrings.Read(metadata, "tokenizer.ggml.tokens").WithoutEmpty(id => $"[EMPTY_{id}]");
        var ids = new Dictionary<string, int>();
        foreach ((string name, string key) in s_idKeys.Select(key => (key, key)).Concat(s_oldKeys))
        {
            // An id outside the vocabulary counts as absent, as in llama.cpp.
            uint id = metadata.GetUInt32("tokenizer.ggml." + name, uint.MaxValue);
            if (id < (uint)texts.Count) ids.TryAdd(key, (int)id);
        }
        return new VocabularyData
        {
            Model = metadata.GetString("tokenizer.ggml.model"),
            Pre = metadata.GetString("tokenizer.ggml.pre", "") is { Length: > 0 } pre ? pre : "default",
            ModelName = metadata.GetString("general.name", ""),
            Architecture = metadata.GetString("general.architecture", ""),
            Texts = texts,
            Scores = metadata.TryGetArray("tokenizer.ggml.scores", out GgufArray scores)
                ? AtLeast(texts.Count, scores.GetFloats(), "tokenizer.ggml.scores") : null,
            Types = metadata.TryGetArray("tokenizer.ggml.token_type", out GgufArray types)
                ? Array.ConvertAll(AtLeast(texts.Count, types.GetInt32s(), "tokenizer.ggml.token_type"), ToType) : null,
            Ids = ids,
            AddBos = Flag(metadata, "tokenizer.ggml.add_bos_token"),
            AddEos = Flag(metadata, "tokenizer.ggml.add_eos_token"),
            AddSep = Flag(metadata, "tokenizer.ggml.add_sep_token"),
            AddSpacePrefix = Flag(metadata, "tokenizer.ggml.add_space_prefix"),
        };
    }

    private static bool? Flag(GgufMetadata metadata, string key) => metadata.Contains(key) ? metadata.GetBool(key) : null;

    private static TokenType ToType(int value) =>
        value is > 0 and <= (int)TokenType.Byte ? (TokenType)value : TokenType.Undefined;

    private static T[] AtLeast<T>(int count, T[] values, string key) => values.Length >= count
        ? values
        : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{key}: expected an element for each of {count} tokens, found {values.Length}");
}
