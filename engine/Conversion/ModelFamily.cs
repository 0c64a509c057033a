namespace Edge.Llm.Conversion;

/// <summary>A family of Hugging Face models and the GGUF architecture it becomes.</summary>
/// <param name="Architecture">general.architecture.</param>
/// <param name="ModelTypes">model_type of its config.json.</param>
/// <param name="PermutesHeads">Hugging Face pairs the halves of a head for rotation; this architecture pairs neighbours, so the rows of
/// queries and keys change places.</param>
/// <param name="NormsHeads">Queries and keys are normed head by head.</param>
/// <param name="NeedsBias">Queries, keys and values have a bias, and attention_bias is not read.</param>
/// <param name="MayBiasAttention">attention_bias is read.</param>
/// <param name="MayBiasFeedForward">mlp_bias is read.</param>
/// <param name="SharesHeadsUnasked">Without num_key_value_heads there are fewer of them than query heads.</param>
/// <param name="SlidesUnasked">Without sliding_window there is a window.</param>
internal sealed record ModelFamily(
    string Architecture, string[] ModelTypes, bool PermutesHeads = false, bool NormsHeads = false, bool NeedsBias = false,
    bool MayBiasAttention = false, bool MayBiasFeedForward = false, bool SharesHeadsUnasked = true, bool SlidesUnasked = false)
{
    private static readonly ModelFamily[] s_all =
    [
        new("llama", ["llama"], PermutesHeads: true, MayBiasAttention: true, MayBiasFeedForward: true, SharesHeadsUnasked: false),
        new("llama", ["mistral"], PermutesHeads: true, SlidesUnasked: true),
        new("qwen2", ["qwen2"], NeedsBias: true, MayBiasAttention: true),
        new("qwen3", ["qwen3"], NormsHeads: true, MayBiasAttention: true),
    ];

    /// <summary>The family of a config.json.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static ModelFamily Of(CheckedJson config)
    {
        string type = config.Text("model_type") ?? throw config.Invalid("missing key model_type");
        return Array.Find(s_all, family => family.ModelTypes.Contains(type))
            ?? throw config.Unsupported($"model_type '{type}'; there are: {string.Join(", ", s_all.SelectMany(family => family.ModelTypes))}");
    }
}
