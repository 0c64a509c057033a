using Edge.Llm.Kernels;

namespace Edge.Llm.Conversion;

/// <summary>Rotary embedding as config.json describes it: rope_theta and rope_scaling, or both in rope_parameters.</summary>
internal sealed record HfRope
{
    private const double FullTurn = 2 * Math.PI;

    /// <summary>Base of the frequencies.</summary>
    public required float Theta { get; init; }

    /// <summary>linear, yarn or llama3; null without scaling.</summary>
    public string? Type { get; init; }

    /// <summary>How far the context is stretched.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>The context length before that.</summary>
    public int OriginalContextLength { get; init; }

    private double LowFreqFactor { get; init; }
    private double HighFreqFactor { get; init; }
    private double? BetaFast { get; init; }
    private double? BetaSlow { get; init; }

    /// <summary>Reads the keys.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfRope Read(CheckedJson config, int contextLength, List<string> notices)
    {
        CheckedJson? both = config.Object("rope_parameters"), scaling = both ?? config.Object("rope_scaling");
        float theta = (float)(both?.Positive("rope_theta", 10000) ?? config.Positive("rope_theta", 10000));
        if (scaling is not { } rope) return new HfRope { Theta = theta };
        string type = rope.Text("rope_type") ?? rope.Text("type") ?? throw rope.Invalid("missing key rope_type");
        if (type == "default") return new HfRope { Theta = theta };
        if (type == "dynamic")
        {
            notices.Add($"rope_scaling of type dynamic: GGUF cannot say so; the file is right for texts of up to {contextLength} tokens");
            return new HfRope { Theta = theta };
        }
        if (type is not ("linear" or "yarn" or "llama3"))
            throw rope.Unsupported($"type '{type}'; there are: default, linear, dynamic, yarn, llama3");
        var read = new HfRope
        {
            Theta = theta,
            Type = type,
            Factor = rope.Positive("factor"),
            OriginalContextLength = type == "linear" ? 0
                : rope.Int("original_max_position_embeddings", 1, 1 << 30, type == "yarn" ? contextLength : null),
            LowFreqFactor = type == "llama3" ? rope.Positive("low_freq_factor") : 0,
            HighFreqFactor = type == "llama3" ? rope.Positive("high_freq_factor") : 0,
            BetaFast = rope.TryGet("beta_fast", out _) ? rope.Positive("beta_fast") : null,
            BetaSlow = rope.TryGet("beta_slow", out _) ? rope.Positive("beta_slow") : null,
        };
        if (type == "llama3" && read.HighFreqFactor <= read.LowFreqFactor)
            throw rope.Invalid("high_freq_factor: expected a number above low_freq_factor");
        foreach (string key in (string[])["attention_factor", "mscale", "mscale_all_dim"])
            if (type == "yarn" && rope.TryGet(key, out _))
                throw rope.Unsupported($"{key}: YaRN with its own factor on attention is not supported");
        return read;
    }

    /// <summary>Writes the architecture's keys.</summary>
    public void WriteTo(GgufWriter writer, string architecture)
    {
        writer.AddMetadata($"{architecture}.rope.freq_base", Theta);
        if (Type is not ("linear" or "yarn")) return; // llama3 is a tensor of factors
        writer.AddMetadata($"{architecture}.rope.scaling.type", Type);
        writer.AddMetadata($"{architecture}.rope.scaling.factor", (float)Factor);
        if (Type == "linear") return;
        writer.AddMetadata($"{architecture}.rope.scaling.original_context_length", (uint)OriginalContextLength);
        if (BetaFast is { } fast) writer.AddMetadata($"{architecture}.rope.scaling.yarn_beta_fast", (float)fast);
        if (BetaSlow is { } slow) writer.AddMetadata($"{architecture}.rope.scaling.yarn_beta_slow", (float)slow);
    }

    /// <summary>Divisors of the frequencies for type llama3 (rope_freqs.weight), else null: pairs that turn often within the original context
    /// keep their speed, those that turn seldom are slowed down by the factor, and between the two it goes over smoothly.</summary>
    public float[]? Llama3Factors(int headDim)
    {
        if (Type != "llama3") return null;
        var factors = new float[headDim / 2];
        for (int i = 0; i < factors.Length; i++)
        {
            double turns = OriginalContextLength / (FullTurn * DoubleMath.Pow(Theta, 2.0 * i / headDim));
            double smooth = Math.Clamp((turns - LowFreqFactor) / (HighFreqFactor - LowFreqFactor), 0, 1);
            factors[i] = (float)(1 / (((1 - smooth) / Factor) + smooth));
        }
        return factors;
    }
}
