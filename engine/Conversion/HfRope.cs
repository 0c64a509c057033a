using System.Globalization;
using Edge.Llm.Kernels;

namespace Edge.Llm.Conversion;

/// <summary>Rotary embedding as config.json describes it: rope_theta and rope_scaling, or both in rope_parameters.</summary>
internal sealed record HfRope
{
    private const string Full = "full_attention", Windowed = "sliding_attention", LongRope = "longrope";
    private const double FullTurn = 2 * Math.PI;

    /// <summary>What each kind of scaling reads; other keys are refused.</summary>
    private static readonly Dictionary<string, KeyTable> s_kinds = new()
    {
        ["default"] = Kind("", "original_max_position_embeddings", ("factor", ["1"])),
        ["linear"] = Kind("factor", "original_max_position_embeddings"),
        ["dynamic"] = Kind("factor original_max_position_embeddings"),
        ["yarn"] = Kind("factor original_max_position_embeddings beta_fast beta_slow attention_factor truncate mscale mscale_all_dim "
            + "llama_4_scaling_beta", "finetuned"),
        ["llama3"] = Kind("factor original_max_position_embeddings low_freq_factor high_freq_factor"),
        [LongRope] = Kind("factor original_max_position_embeddings attention_factor short_factor long_factor"),
    };

    private static readonly KeyTable s_byLayers = new($"{Full} {Windowed}");

    /// <summary>Base of the frequencies.</summary>
    public required float Theta { get; init; }

    /// <summary>default, linear, dynamic, yarn, llama3 or longrope.</summary>
    public string Type { get; init; } = "default";

    /// <summary>How far the context is stretched.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>The context length before that; 0 where the kind has none.</summary>
    public int OriginalContextLength { get; init; }

    private double LowFreqFactor { get; init; }
    private double HighFreqFactor { get; init; }
    private double BetaFast { get; init; }
    private double BetaSlow { get; init; }
    private double AttentionFactor { get; init; }
    private double LogMultiplier { get; init; }
    private double TemperatureScale { get; init; }
    private bool Truncates { get; init; } = true;
    private string ShortFactors { get; init; } = ""; // texts, so that two of these compare
    private string LongFactors { get; init; } = "";

    /// <summary>Rotation that is not stretched.</summary>
    public static HfRope Of(double theta) => new() { Theta = (float)theta };

    /// <summary>Reads the keys.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfRope Read(CheckedJson config, ModelFamily family, int contextLength, List<string> notices)
    {
        HfRope[] found = [.. ((string[])["rope_scaling", "rope_parameters"]).Select(key => config.Object(key)).OfType<CheckedJson>()
            .Select(rope => Read(family.HasLayerRopes ? OfFullLayers(rope) : rope, config, family, contextLength))];
        if (found.Length == 2 && found[0] != found[1])
            throw config.Invalid("rope_scaling and rope_parameters say different things; expected one of them");
        HfRope read = found.Length > 0 ? found[0] : Of(config.Positive("rope_theta", family.RopeTheta));
        read.AddNotices(family, contextLength, notices);
        return read;
    }

    /// <summary>The base of layers with a window that rotate in their own way.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static double WindowTheta(CheckedJson config)
    {
        const string Local = "rope_local_base_freq";
        double outer = config.Positive(Local, 10000);
        if (config.Object("rope_parameters")?.Object(Windowed) is not { } rope) return outer;
        if (ReadType(rope) is not "default" and var type) throw rope.Unsupported($"type '{type}'; expected default: windows are not stretched");
        s_kinds["default"].Check(rope);
        double inner = rope.Positive("rope_theta", outer);
        return inner == outer || !config.TryGet(Local, out _)
            ? inner : throw config.Invalid($"{Local}: a different one is in rope_parameters");
    }

    /// <summary>Writes the architecture's keys.</summary>
    public void WriteTo(ModelKeys keys)
    {
        keys.Number("rope.freq_base", Theta);
        if (Type == LongRope)
        {
            keys.Count("rope.scaling.original_context_length", OriginalContextLength);
            keys.Number("rope.scaling.attn_factor", AttentionFactor);
        }
        if (Type is not ("linear" or "yarn")) return; // llama3 is a tensor of factors
        keys.Text("rope.scaling.type", Type);
        keys.Number("rope.scaling.factor", Factor);
        if (Type == "linear") return;
        keys.Count("rope.scaling.original_context_length", OriginalContextLength);
        keys.Number("rope.scaling.yarn_beta_fast", BetaFast);
        keys.Number("rope.scaling.yarn_beta_slow", BetaSlow);
        if (LogMultiplier > 0) keys.Number("rope.scaling.yarn_log_multiplier", LogMultiplier);
        if (TemperatureScale > 0) keys.Number("attention.temperature_scale", TemperatureScale);
    }

    /// <summary>The tensors of divisors of the frequencies: for type llama3, and for longrope one for short and one for long texts.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: not as many as there are pairs.</exception>
    public IEnumerable<ConvertedTensor> Factors(HfConfig config)
    {
        if (Type == "llama3") yield return ConvertedTensor.Of("rope_freqs.weight", Llama3Factors(config.RotatedDims));
        if (Type != LongRope) yield break;
        foreach ((string name, string key, string text) in ((string, string, string)[])
            [("rope_factors_long", "long_factor", LongFactors), ("rope_factors_short", "short_factor", ShortFactors)])
        {
            float[] factors = Array.ConvertAll(text.Split(' '), factor => float.Parse(factor, CultureInfo.InvariantCulture));
            if (factors.Length != config.RotatedDims / 2)
                throw config.Json.Invalid($"{key}: {factors.Length} factors, expected {config.RotatedDims / 2}, one for each pair that rotates");
            yield return ConvertedTensor.Of(name + ".weight", factors);
        }
    }

    // Pairs that turn often within the original context keep their speed, those that turn seldom are slowed down by the factor, and between the two
    // it goes over smoothly.
    private float[] Llama3Factors(int rotated)
    {
        var factors = new float[rotated / 2];
        for (int i = 0; i < factors.Length; i++)
        {
            double turns = OriginalContextLength / (FullTurn * DoubleMath.Pow(Theta, 2.0 * i / rotated));
            double smooth = Math.Clamp((turns - LowFreqFactor) / (HighFreqFactor - LowFreqFactor), 0, 1);
            factors[i] = (float)(1 / (((1 - smooth) / Factor) + smooth));
        }
        return factors;
    }

    private void AddNotices(ModelFamily family, int contextLength, List<string> notices)
    {
        void Add(FormattableString line) => notices.Add(line.ToString(CultureInfo.InvariantCulture));

        if (Type == "dynamic")
            Add($"rope_scaling of type dynamic: GGUF cannot say so; the file is right for texts of up to {OriginalContextLength} tokens");
        if (Type == LongRope)
            Add($"rope_scaling of type longrope: readers of a GGUF file take the long factors where a context is set up for more than {OriginalContextLength} tokens, Hugging Face where a text has more");
        if (Type != "yarn") return;
        double stretched = contextLength / (double)Math.Max(1, OriginalContextLength);
        if (OriginalContextLength < contextLength && Math.Abs(stretched - Factor) > 0.01 * Factor)
            Add($"rope_scaling: factor {Factor} counts; some versions of transformers take max_position_embeddings / original_max_position_embeddings, {stretched:0.###}");
        if (!Truncates) Add($"rope_scaling: truncate false: readers of a GGUF file round the first and last pair that YaRN stretches in part");
        if (!family.HasYarnKeys && (BetaFast != 32 || BetaSlow != 1))
            Add($"rope_scaling: beta_fast {BetaFast} and beta_slow {BetaSlow}: readers of architecture {family.Architecture} take 32 and 1");
    }

    // A description for each kind of layer: those without a window are stretched.
    private static CheckedJson OfFullLayers(CheckedJson rope)
    {
        if (rope.Object(Full) is not { } full) return rope;
        s_byLayers.Check(rope);
        return full;
    }

    private static HfRope Read(CheckedJson rope, CheckedJson config, ModelFamily family, int contextLength)
    {
        string type = ReadType(rope);
        s_kinds[type].Check(rope);
        if (type is "llama3" or LongRope && !family.HasRopeFactors)
            throw rope.Unsupported($"type '{type}': architecture {family.Architecture} has no tensors of factors");
        var read = new HfRope
        {
            Theta = ReadTheta(rope, config, family.RopeTheta),
            Type = type,
            Factor = type is "default" or "dynamic" or LongRope ? 1 : rope.Positive("factor"),
            OriginalContextLength = type is "default" or "linear" ? 0
                : rope.Int("original_max_position_embeddings", 1, 1 << 30, type == "llama3" ? null : contextLength),
            LowFreqFactor = type == "llama3" ? rope.Positive("low_freq_factor") : 0,
            HighFreqFactor = type == "llama3" ? rope.Positive("high_freq_factor") : 0,
            BetaFast = rope.Positive("beta_fast", 32),
            BetaSlow = rope.Positive("beta_slow", 1),
            Truncates = rope.Flag("truncate") ?? true,
        };
        if (type == "llama3" && read.HighFreqFactor <= read.LowFreqFactor)
            throw rope.Invalid("high_freq_factor: expected a number above low_freq_factor");
        return type switch { "yarn" => read.WithYarn(rope, family), LongRope => read.WithLongFactors(rope, config, contextLength), _ => read };
    }

    private HfRope WithYarn(CheckedJson rope, ModelFamily family)
    {
        HfRope read = this;
        double attention = Math.Max(0, 0.1 * DoubleMath.Log(Factor)) + 1; // what readers of GGUF files compute
        if (rope.TryGet("mscale", out _) || rope.TryGet("mscale_all_dim", out _) || rope.TryGet("llama_4_scaling_beta", out _))
        {
            if (!family.HasYarnKeys)
                throw rope.Unsupported($"mscale, mscale_all_dim and llama_4_scaling_beta: architecture {family.Architecture} has no such keys");
            if (rope.Positive("mscale", 1) != 1) throw rope.Unsupported("mscale: expected 1, which is all that a GGUF file can say");
            bool scales = rope.TryGet("mscale", out _) && rope.TryGet("mscale_all_dim", out _); // Hugging Face's class takes both or none
            read = this with
            {
                LogMultiplier = scales ? rope.Positive("mscale_all_dim") : 0,
                TemperatureScale = rope.TryGet("llama_4_scaling_beta", out _) ? rope.Positive("llama_4_scaling_beta") : 0,
            };
            attention /= 1 + (read.LogMultiplier * 0.1 * Math.Max(0, DoubleMath.Log(Factor)));
        }
        if (Math.Abs(rope.Positive("attention_factor", attention) - attention) > 1e-4)
            throw rope.Unsupported(string.Create(CultureInfo.InvariantCulture,
                $"attention_factor: expected {attention}, as the factor has it, found {rope.Positive("attention_factor")}, which a GGUF file cannot say"));
        return read;
    }

    private HfRope WithLongFactors(CheckedJson rope, CheckedJson config, int contextLength)
    {
        const string Original = "original_max_position_embeddings";
        bool outside = config.TryGet(Original, out _);
        int original = outside ? config.Int(Original, 1, 1 << 30) : OriginalContextLength;
        double stretched = !outside && rope.TryGet("factor", out _) ? rope.Positive("factor") : contextLength / (double)original;
        double attention = stretched <= 1 ? 1 : Math.Sqrt(1 + (DoubleMath.Log(stretched) / DoubleMath.Log(original)));
        return this with
        {
            OriginalContextLength = original,
            AttentionFactor = rope.Positive("attention_factor", attention),
            ShortFactors = FactorList(rope, "short_factor"),
            LongFactors = FactorList(rope, "long_factor"),
        };
    }

    private static string FactorList(CheckedJson rope, string key)
    {
        double[] factors = rope.Positives(key);
        if (factors.Length == 0) throw rope.Invalid($"missing key {key}");
        return string.Join(' ', factors.Select(factor => ((float)factor).ToString(CultureInfo.InvariantCulture)));
    }

    // Older files say type, newer ones rope_type, some both.
    private static string ReadType(CheckedJson rope)
    {
        string? old = rope.Text("type"), type = rope.Text("rope_type") ?? old;
        if (old is not null && old != type) throw rope.Invalid($"type '{old}' and rope_type '{type}' say different things");
        if (type is null && rope.TryGet("factor", out _)) throw rope.Invalid("missing key rope_type");
        type = type switch { null => "default", "su" => LongRope, _ => type };
        return s_kinds.ContainsKey(type) ? type : throw rope.Unsupported($"type '{type}'; there are: {string.Join(", ", s_kinds.Keys)}");
    }

    private static float ReadTheta(CheckedJson rope, CheckedJson config, double unsaid)
    {
        double outer = config.Positive("rope_theta", rope.Positive("rope_theta", unsaid)), inner = rope.Positive("rope_theta", outer);
        return inner == outer ? (float)inner : throw config.Invalid("rope_theta: a different one is in rope_scaling or rope_parameters");
    }

    private static KeyTable Kind(string read, string harmless = "", params (string, string[])[] only) =>
        new("rope_type type rope_theta " + read, harmless, [("partial_rotary_factor", ["1"]), .. only]);
}
