using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>The keys of attention: heads, windows, rotation.</summary>
internal sealed partial class Keys
{
    private readonly Dictionary<(string Key, RopeType Type, int HeadDim), RopeConfig> _ropes = [];

    /// <summary>Query heads of a layer; 0 where it has no attention.</summary>
    public int HeadCount(int il) => Count(il, "attention.head_count", 1 << 12, 0);

    /// <summary>Heads of keys and values of a layer; 0 where it keeps none.</summary>
    public int HeadCountKv(int il) => Has("attention.head_count_kv") ? Count(il, "attention.head_count_kv", 1 << 12) : HeadCount(il);

    /// <summary>A layer's attention; without a type, without a rotary embedding.</summary>
    public AttentionConfig Attention(int il, RopeType? type) => Attention(il, type, "");

    /// <summary>The same in layers with a window, whose heads have lengths of their own.</summary>
    public AttentionConfig WindowAttention(int il, RopeType? type) => Attention(il, type, "_swa") with { Window = Window() };

    private AttentionConfig Attention(int il, RopeType? type, string suffix)
    {
        int headCount = HeadCount(il), headCountKv = HeadCountKv(il);
        if (headCount == 0) throw Invalid("attention.head_count", "at least 1", "0");
        if (headCountKv == 0 || headCount % headCountKv != 0) throw Invalid("attention.head_count_kv", $"a divisor of {headCount} query heads", $"{headCountKv}");
        int keyLength = HeadLength("attention.key_length" + suffix);
        return new AttentionConfig
        {
            HeadCount = headCount,
            HeadCountKv = headCountKv,
            KeyLength = keyLength,
            ValueLength = HeadLength("attention.value_length" + suffix),
            Scale = 1 / MathF.Sqrt(keyLength),
            Rope = type is { } pairs ? Rope(pairs, keyLength, "rope.dimension_count" + suffix) : null,
        };
    }

    /// <summary>attention.sliding_window; int.MaxValue where there is none.</summary>
    public int Window(int fallback = int.MaxValue) => Count("attention.sliding_window", 1 << 30, fallback);

    /// <summary>Whether a layer has the window: by an array in the file, or in all but each n-th layer, n a number in the file or the
    /// architecture's. <paramref name="fullFirst"/>: the first of n has none, not the last.</summary>
    public bool HasWindow(int il, int pattern, bool fullFirst = false)
    {
        const string Key = "attention.sliding_window_pattern";
        if (Metadata.TryGet(Full(Key), out GgufValue value))
        {
            if (value.TryGetArray(out GgufArray array)) return Flags(Key, array)[il];
            pattern = InRange(Key, Metadata.GetInt32(Full(Key)), 0, 1 << 12);
        }
        return pattern == 0 || (il % pattern != (fullFirst ? 0 : pattern - 1));
    }

    /// <summary>A flag a layer.</summary>
    public bool FlagOf(int il, string key) => Flags(key, Metadata.GetArray(Full(key)))[il];

    /// <summary>The rotary embedding of heads of a length.</summary>
    public RopeConfig Rope(RopeType type, int headDim, string dimensionsKey = "rope.dimension_count")
    {
        if (_ropes.TryGetValue((dimensionsKey, type, headDim), out RopeConfig? known)) return known;
        int dimensions = Count(dimensionsKey, headDim, headDim);
        if (dimensions % 2 != 0) throw Invalid(dimensionsKey, "an even number", $"{dimensions}");
        string scaling = Text("rope.scaling.type", "linear");
        if (scaling is not ("none" or "linear" or "yarn" or "longrope"))
            throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{file.Path}: key {Full("rope.scaling.type")}: '{scaling}' is not supported; there are: none, linear, yarn, longrope");
        float factor = Has("rope.scaling.factor") ? NonNegative("rope.scaling.factor", 0) : NonNegative("rope.scale_linear", 0);
        float scale = rope.FreqScale ?? (scaling == "none" || factor == 0 ? 1 : 1 / factor), attnFactor = Positive("rope.scaling.attn_factor", 1);
        var config = new RopeConfig
        {
            Type = type,
            Dimensions = dimensions,
            FreqBase = rope.FreqBase ?? Positive("rope.freq_base", 10000),
            FreqScale = scale,
            ExtFactor = scaling == "yarn" ? 1 : 0,
            Magnitude = scaling == "yarn" ? attnFactor * (1 + (0.1 * DoubleMath.Log(1.0 / scale))) : attnFactor,
            OriginalContextLength = Count("rope.scaling.original_context_length", 1 << 30, ContextLength),
        };
        _ropes.Add((dimensionsKey, type, headDim), config);
        return config;
    }

    /// <summary>The rotary embedding of layers with a window: as the others', with a base of its own, if the file has one.</summary>
    public RopeConfig WindowRope(RopeConfig full) => full with { FreqBase = Positive("rope.freq_base_swa", full.FreqBase) };

    /// <summary>The same, and never stretched.</summary>
    public RopeConfig PlainWindowRope(RopeConfig full, float freqBase) => Plain(full) with { FreqBase = Positive("rope.freq_base_swa", freqBase) };

    /// <summary>A rotary embedding without any stretching.</summary>
    public static RopeConfig Plain(RopeConfig full) => full with { FreqScale = 1, ExtFactor = 0, Magnitude = 1 };

    /// <summary>YaRN between the turns that the file gives.</summary>
    public RopeConfig WithBetas(RopeConfig config) => config with
    {
        BetaFast = Positive("rope.scaling.yarn_beta_fast", 32), BetaSlow = Positive("rope.scaling.yarn_beta_slow", 1),
    };

    /// <summary>YaRN's factor on cos and sin, divided by 1 + 0.1 M ln f where the file has a multiplier M.</summary>
    public RopeConfig WithLogMultiplier(RopeConfig config, float unit = 1)
    {
        double log = Math.Max(0, DoubleMath.Log(1.0 / config.FreqScale));
        return config with { Magnitude = config.Magnitude / (1 + (0.1 * LogMultiplier(unit) * log)) };
    }

    /// <summary>rope.scaling.yarn_log_multiplier, in the unit that files have.</summary>
    public double LogMultiplier(float unit) => NonNegative("rope.scaling.yarn_log_multiplier", 0) / unit;

    /// <summary>Values of a head that rotate in latent attention.</summary>
    public int LatentRopeLength => Count("rope.dimension_count", 1 << 12);

    /// <summary>Latent attention. Where queries go to the latent vector (absorbed), keys of their own tell the lengths of heads.</summary>
    public LatentConfig LatentAttention(bool absorbed, RopeConfig? rope)
    {
        string suffix = absorbed ? "_mla" : "";
        int key = Count("attention.key_length" + suffix, 1 << 12), rotated = LatentRopeLength;
        if (rotated >= key) throw Invalid("rope.dimension_count", $"less than the {key} values of a head", $"{rotated}");
        return new LatentConfig
        {
            HeadCount = Count(0, "attention.head_count", 1 << 12) is > 0 and int heads ? heads : throw Invalid("attention.head_count", "at least 1", "0"),
            Rank = Count("attention.kv_lora_rank", 1 << 16),
            NopeLength = key - rotated,
            RopeLength = rotated,
            ValueLength = Count("attention.value_length" + suffix, 1 << 12),
            Scale = 1 / MathF.Sqrt(key),
            Rope = rope,
        };
    }

    /// <summary>A base that grows with a factor alpha: base * alpha^(d / (d - 2)), d the heads' length.</summary>
    public RopeConfig WithAlpha(RopeConfig config, int headDim) => NonNegative("rope.scaling.alpha", 0) is > 0 and float alpha
        ? config with { FreqBase = (float)(config.FreqBase * DoubleMath.Pow(alpha, headDim / (headDim - 2.0))) } : config;

    /// <summary>A factor on queries by their position, if the file has one.</summary>
    public Temperature? Temperature(int offset, int length) =>
        NonNegative("attention.temperature_scale", 0) is > 0 and float scale ? new Temperature(scale, offset, length) : null;

    /// <summary>Four sections of pairs, of which those of the last do not turn in text (M-RoPE; interleaved as in Qwen3-VL).</summary>
    public RopeConfig Sections(RopeConfig config, bool interleaved)
    {
        const string Key = "rope.dimension_sections";
        if (!Metadata.TryGetArray(Full(Key), out GgufArray array)) return config;
        int[] s = array.GetInt32s();
        if (s.Length != 4 || Array.Exists(s, section => section is < 0 or > 1 << 12) || s.Sum() == 0)
            throw Invalid(Key, "four section lengths", $"[{string.Join(", ", s)}]");
        var factors = new float[config.Dimensions / 2];
        for (int i = 0; i < factors.Length; i++)
        {
            int at = i % s.Sum();
            bool turns = interleaved ? at < 3 * s[at % 3] : at < s[0] + s[1] + s[2];
            factors[i] = turns ? 1 : float.PositiveInfinity;
        }
        if (Array.TrueForAll(factors, factor => factor == 1)) return config;
        (string, RopeType, int) known = (Key, config.Type, config.Dimensions);
        if (!_ropes.TryGetValue(known, out RopeConfig? made)) _ropes.Add(known, made = config with { Factors = factors });
        return made;
    }

    private int HeadLength(string key)
    {
        if (IsSet(key)) return Count(key, 1 << 12);
        int embd = EmbeddingLength, heads = HeadCount(0);
        return heads > 0 && embd % heads == 0 ? embd / heads : throw Invalid("attention.head_count", $"a divisor of the embedding length {embd}", $"{heads}");
    }

    private bool[] Flags(string key, GgufArray array)
    {
        OnePerLayer(key, array);
        return array.ElementType == GgufValueType.Bool ? array.GetBools() : Array.ConvertAll(array.GetInt32s(), value => value != 0);
    }
}
