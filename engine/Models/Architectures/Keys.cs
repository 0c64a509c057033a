namespace Edge.Llm.Models.Architectures;

/// <summary>What the user puts in place of a file's rotary frequencies: base, and factor on positions.</summary>
internal readonly record struct RopeOverride(float? FreqBase, float? FreqScale);

/// <summary>Reads an architecture's keys (<c>llama.block_count</c> for "block_count") and checks their ranges. The bounds are far
/// beyond any model and keep products of two of them within a long.</summary>
internal sealed class Keys(GgufFile file, string architecture, RopeOverride rope)
{
    private GgufMetadata Metadata => file.Metadata;

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => Metadata.Contains(Full(key));

    /// <summary>A count: 1..max.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, from here and all others.</exception>
    public int Count(string key, int max) => InRange(key, Metadata.GetInt32(Full(key)), max);

    /// <inheritdoc cref="Count(string, int)"/>
    public int Count(string key, int max, int fallback) => Has(key) ? Count(key, max) : fallback;

    /// <summary>A count that files may give once a layer; layers that differ are not supported.</summary>
    public int UniformCount(string key, int max)
    {
        if (!Metadata.TryGet(Full(key), out GgufValue value) || value.Type != GgufValueType.Array) return Count(key, max);
        int[] counts = Metadata.GetArray(Full(key)).GetInt32s();
        if (counts.Length == 0) throw Invalid(key, "a value a layer", "an empty array");
        if (Array.Exists(counts, count => count != counts[0]))
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: key {Full(key)}: layers differ, which architecture {architecture} does not support");
        return InRange(key, counts[0], max);
    }

    /// <summary>A finite number above 0.</summary>
    public float Positive(string key) => Checked(key, Metadata.GetFloat(Full(key)), value => value > 0, "a number above 0");

    /// <inheritdoc cref="Positive(string)"/>
    public float Positive(string key, float fallback) => Has(key) ? Positive(key) : fallback;

    /// <summary>A finite number from 0 up.</summary>
    public float NonNegative(string key, float fallback) =>
        Checked(key, Metadata.GetFloat(Full(key), fallback), value => value >= 0, "a number from 0 up");

    /// <summary>A string.</summary>
    public string Text(string key, string fallback) => Metadata.GetString(Full(key), fallback);

    /// <summary>context_length.</summary>
    public int ContextLength => Count("context_length", 1 << 30);

    /// <summary>embedding_length.</summary>
    public int EmbeddingLength => Count("embedding_length", 1 << 20);

    /// <summary>block_count.</summary>
    public int BlockCount => Count("block_count", 1 << 12);

    /// <summary>feed_forward_length.</summary>
    public int FeedForwardLength => UniformCount("feed_forward_length", 1 << 22);

    /// <summary>attention.layer_norm_rms_epsilon.</summary>
    public float RmsEpsilon => NonNegative("attention.layer_norm_rms_epsilon", 1e-5f);

    /// <summary>Throws if the file has experts.</summary>
    public void RefuseExperts()
    {
        if (Has("expert_count") && Count("expert_count", 1 << 16) > 1)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: key {Full("expert_count")}: mixtures of experts are not supported");
    }

    /// <summary>Attention with a rotary embedding, all layers alike.</summary>
    public AttentionConfig Attention(RopeType type, Tensors tensors)
    {
        int embd = EmbeddingLength, headCount = UniformCount("attention.head_count", 1 << 12);
        int headCountKv = Has("attention.head_count_kv") ? UniformCount("attention.head_count_kv", headCount) : headCount;
        if (headCount % headCountKv != 0) throw Invalid("attention.head_count_kv", $"a divisor of {headCount} query heads", $"{headCountKv}");
        if (embd % headCount != 0 && !Has("attention.key_length"))
            throw Invalid("attention.head_count", $"a divisor of the embedding length {embd}", $"{headCount}");
        int keyLength = Count("attention.key_length", 1 << 12, embd / headCount);
        return new AttentionConfig
        {
            HeadCount = headCount,
            HeadCountKv = headCountKv,
            KeyLength = keyLength,
            ValueLength = Count("attention.value_length", 1 << 12, embd / headCount),
            Scale = 1 / MathF.Sqrt(keyLength),
            Rope = Rope(type, keyLength, tensors),
        };
    }

    private RopeConfig Rope(RopeType type, int headDim, Tensors tensors)
    {
        int dimensions = Count("rope.dimension_count", headDim, headDim);
        if (dimensions % 2 != 0) throw Invalid("rope.dimension_count", "an even number", $"{dimensions}");
        string scaling = Text("rope.scaling.type", "linear");
        if (scaling is not ("none" or "linear" or "yarn"))
            throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{file.Path}: key {Full("rope.scaling.type")}: '{scaling}' is not supported; there are: none, linear, yarn");
        float factor = Has("rope.scaling.factor") ? NonNegative("rope.scaling.factor", 0) : NonNegative("rope.scale_linear", 0);
        return new RopeConfig
        {
            Type = type,
            Dimensions = dimensions,
            FreqBase = rope.FreqBase ?? Positive("rope.freq_base", 10000),
            FreqScale = rope.FreqScale ?? (scaling == "none" || factor == 0 ? 1 : 1 / factor),
            ExtFactor = NonNegative("rope.scaling.yarn_ext_factor", scaling == "yarn" ? 1 : 0),
            AttnFactor = Positive("rope.scaling.attn_factor", 1),
            BetaFast = Positive("rope.scaling.yarn_beta_fast", 32),
            BetaSlow = Positive("rope.scaling.yarn_beta_slow", 1),
            OriginalContextLength = Count("rope.scaling.original_context_length", 1 << 30, ContextLength),
            Factors = tensors.RopeFactors("rope_freqs", dimensions / 2),
        };
    }

    /// <summary>An error about a key's value.</summary>
    public EdgeLlmException Invalid(string key, string expected, string found) =>
        new(ErrorCode.InvalidFile, $"{file.Path}: key {Full(key)}: expected {expected}, found {found}");

    private int InRange(string key, int value, int max) => value >= 1 && value <= max ? value : throw Invalid(key, $"1 to {max}", $"{value}");

    private float Checked(string key, float value, Func<float, bool> valid, string expected) =>
        float.IsFinite(value) && valid(value) ? value : throw Invalid(key, expected, FormattableString.Invariant($"{value}"));

    private string Full(string key) => $"{architecture}.{key}";
}
