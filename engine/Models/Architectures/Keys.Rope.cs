using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>The keys of rotary embeddings.</summary>
internal sealed partial class Keys
{
    private readonly Dictionary<(string Key, RopeType Type, int HeadDim), RopeConfig> _ropes = [];

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

    /// <summary>A base that grows with a factor alpha: base * alpha^(d / (d - 2)), d the heads' length.</summary>
    public RopeConfig WithAlpha(RopeConfig config, int headDim) => NonNegative("rope.scaling.alpha", 0) is > 0 and float alpha
        ? config with { FreqBase = (float)(config.FreqBase * DoubleMath.Pow(alpha, headDim / (headDim - 2.0))) } : config;

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
}
