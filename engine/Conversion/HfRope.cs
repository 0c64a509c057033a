using System.Globalization;
using Edge.Llm.Kernels;

namespace Edge.Llm.Conversion;

/// <summary>Rotary embedding as config.json describes it: rope_theta and rope_scaling, or both in rope_parameters.</summary>
internal sealed record HfRope
{
    private const double FullTurn = 2 * Math.PI;

    /// <summary>What each kind of scaling reads; other keys are refused.</summary>
    private static readonly Dictionary<string, KeyTable> s_kinds = new()
    {
        ["default"] = Kind("", "original_max_position_embeddings", ("factor", ["1"])),
        ["linear"] = Kind("factor", "original_max_position_embeddings"),
        ["dynamic"] = Kind("factor original_max_position_embeddings"),
        ["yarn"] = Kind("factor original_max_position_embeddings beta_fast beta_slow attention_factor", "finetuned",
            ("truncate", ["true"]), ("mscale", []), ("mscale_all_dim", [])),
        ["llama3"] = Kind("factor original_max_position_embeddings low_freq_factor high_freq_factor"),
    };

    /// <summary>Base of the frequencies.</summary>
    public required float Theta { get; init; }

    /// <summary>default, linear, dynamic, yarn or llama3.</summary>
    public string Type { get; init; } = "default";

    /// <summary>How far the context is stretched.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>The context length before that; 0 where the kind has none.</summary>
    public int OriginalContextLength { get; init; }

    private double LowFreqFactor { get; init; }
    private double HighFreqFactor { get; init; }
    private double BetaFast { get; init; }
    private double BetaSlow { get; init; }

    /// <summary>Reads the keys.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfRope Read(CheckedJson config, int contextLength, List<string> notices)
    {
        HfRope[] found = [.. ((string[])["rope_scaling", "rope_parameters"])
            .Select(key => config.Object(key)).OfType<CheckedJson>().Select(rope => Read(rope, config, contextLength))];
        if (found.Length == 2 && found[0] != found[1])
            throw config.Invalid("rope_scaling and rope_parameters say different things; expected one of them");
        HfRope read = found.Length > 0 ? found[0] : new HfRope { Theta = (float)config.Positive("rope_theta", 10000) };
        if (read.Type == "dynamic")
            notices.Add("rope_scaling of type dynamic: GGUF cannot say so; the file is right for texts of up to "
                + $"{read.OriginalContextLength} tokens");
        double stretched = contextLength / (double)Math.Max(1, read.OriginalContextLength);
        if (read.Type == "yarn" && read.OriginalContextLength < contextLength && Math.Abs(stretched - read.Factor) > 0.01 * read.Factor)
            notices.Add(string.Create(CultureInfo.InvariantCulture,
                $"rope_scaling: factor {read.Factor} counts; some versions of transformers take max_position_embeddings / "
                + $"original_max_position_embeddings, {stretched:0.###}"));
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
        writer.AddMetadata($"{architecture}.rope.scaling.yarn_beta_fast", (float)BetaFast);
        writer.AddMetadata($"{architecture}.rope.scaling.yarn_beta_slow", (float)BetaSlow);
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

    private static HfRope Read(CheckedJson rope, CheckedJson config, int contextLength)
    {
        string type = ReadType(rope);
        s_kinds[type].Check(rope);
        var read = new HfRope
        {
            Theta = ReadTheta(rope, config),
            Type = type,
            Factor = type is "default" or "dynamic" ? 1 : rope.Positive("factor"),
            OriginalContextLength = type is "default" or "linear" ? 0
                : rope.Int("original_max_position_embeddings", 1, 1 << 30, type == "llama3" ? null : contextLength),
            LowFreqFactor = type == "llama3" ? rope.Positive("low_freq_factor") : 0,
            HighFreqFactor = type == "llama3" ? rope.Positive("high_freq_factor") : 0,
            BetaFast = rope.Positive("beta_fast", 32),
            BetaSlow = rope.Positive("beta_slow", 1),
        };
        if (type == "llama3" && read.HighFreqFactor <= read.LowFreqFactor)
            throw rope.Invalid("high_freq_factor: expected a number above low_freq_factor");
        double attention = Math.Max(0, 0.1 * DoubleMath.Log(read.Factor)) + 1; // what readers of GGUF files compute
        if (type == "yarn" && Math.Abs(rope.Positive("attention_factor", attention) - attention) > 1e-4)
            throw rope.Unsupported(string.Create(CultureInfo.InvariantCulture,
                $"attention_factor: expected {attention}, as the factor has it, found {rope.Positive("attention_factor")}, which a GGUF file cannot say"));
        return read;
    }

    // Older files say type, newer ones rope_type, some both.
    private static string ReadType(CheckedJson rope)
    {
        string? old = rope.Text("type"), type = rope.Text("rope_type") ?? old;
        if (old is not null && old != type) throw rope.Invalid($"type '{old}' and rope_type '{type}' say different things");
        if (type is null && rope.TryGet("factor", out _)) throw rope.Invalid("missing key rope_type");
        type ??= "default";
        return s_kinds.ContainsKey(type) ? type : throw rope.Unsupported($"type '{type}'; there are: {string.Join(", ", s_kinds.Keys)}");
    }

    private static float ReadTheta(CheckedJson rope, CheckedJson config)
    {
        double outer = config.Positive("rope_theta", rope.Positive("rope_theta", 10000)), inner = rope.Positive("rope_theta", outer);
        return inner == outer ? (float)inner : throw config.Invalid("rope_theta: a different one is in rope_scaling or rope_parameters");
    }

    private static KeyTable Kind(string read, string harmless = "", params (string, string[])[] only) =>
        new("rope_type type rope_theta " + read, harmless, [("partial_rotary_factor", ["1"]), .. only]);
}
