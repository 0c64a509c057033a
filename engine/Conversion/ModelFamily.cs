using Edge.Llm.Conversion.Families;

namespace Edge.Llm.Conversion;

/// <summary>A family of Hugging Face models and the GGUF architecture it becomes: what its config.json may say, and which tensors a layer has.</summary>
/// <param name="Architecture">general.architecture.</param>
/// <param name="ModelTypes">model_type of its config.json.</param>
internal sealed record ModelFamily(string Architecture, params string[] ModelTypes)
{
    private static readonly ModelFamily[] s_all =
        [.. Llamas.All, .. Qwens.All, .. Gemmas.All, .. Phis.All, .. Olmos.All, .. GptOss.All, .. Encoders.All];

    /// <summary>The keys of its config.json.</summary>
    public KeyTable Keys { get; init; } = KnownKeys.Config;

    /// <summary>What Hugging Face's class takes for keys that are absent, in JSON, where that is not what is taken for most families.</summary>
    public string Defaults { get; init; } = "{}";

    /// <summary>Names of the activation function that its architecture has.</summary>
    public string[] Activations { get; init; } = ["silu", "swish"];

    /// <summary>The key of the activation function.</summary>
    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>Hugging Face pairs the halves of a head for rotation; this architecture pairs neighbours, so the rows of queries and keys change
    /// places.</summary>
    public bool PermutesHeads { get; init; }

    /// <summary>The base of rotation where rope_theta is absent.</summary>
    public double RopeTheta { get; init; } = 10000;

    /// <summary>The norms' epsilon where rms_norm_eps is absent.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>Readers take divisors of the rotary frequencies from tensors.</summary>
    public bool HasRopeFactors { get; init; }

    /// <summary>Readers take YaRN's betas, its logarithmic multiplier and a temperature from the file.</summary>
    public bool HasYarnKeys { get; init; }

    /// <summary>Layers with a window rotate in another way than the others: rope_parameters may describe both.</summary>
    public bool HasLayerRopes { get; init; }

    /// <summary>Norms multiply by one more than their weights, and readers by what the file has.</summary>
    public bool NormsPlusOne { get; init; }

    /// <summary>Queries, keys and values have a bias, and attention_bias is not read.</summary>
    public bool NeedsBias { get; init; }

    /// <summary>attention_bias is read.</summary>
    public bool MayBiasAttention { get; init; }

    /// <summary>mlp_bias is read.</summary>
    public bool MayBiasFeedForward { get; init; }

    /// <summary>Layers in a group whose last one attends to all of a text and whose others have a window; 0: the architecture has no windows.</summary>
    public int FullEvery { get; init; }

    /// <summary>Where nothing says which layers have the window, all have.</summary>
    public bool SlidesUntold { get; init; }

    /// <summary>It makes vectors, and reads texts in both directions.</summary>
    public bool IsEncoder { get; init; }

    /// <summary>Reads the numbers of its config.json, defaults included.</summary>
    public Func<CheckedJson, ModelFamily, List<string>, HfConfig> Read { get; init; } = HfConfig.ReadDecoder;

    /// <summary>Checks and writes what this family alone has.</summary>
    public Action<HfConfig, ModelKeys> Describe { get; init; } = (_, _) => { };

    /// <summary>Name of the embedding.</summary>
    public string Embedding { get; init; } = "embed_tokens";

    /// <summary>Tensors before the layers, besides the embedding.</summary>
    public Action<LayerTensors> Edges { get; init; } = _ => { };

    /// <summary>A layer's tensors.</summary>
    public Action<LayerTensors> Layer { get; init; } = tensors => tensors.Pre();

    /// <summary>Name of the layers, before their number.</summary>
    public string LayerName { get; init; } = "layers";

    /// <summary>Beginnings of names of tensors that a GGUF file of this architecture does without.</summary>
    public string[] Unneeded { get; init; } = [];

    /// <summary>The family of a config.json.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static ModelFamily Of(CheckedJson config)
    {
        string type = config.Text("model_type") ?? throw config.Invalid("missing key model_type");
        return Array.Find(s_all, family => family.ModelTypes.Contains(type))
            ?? throw config.Unsupported($"model_type '{type}'; there are: {string.Join(", ", s_all.SelectMany(family => family.ModelTypes))}");
    }
}
