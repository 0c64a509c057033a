namespace Edge.Llm.Conversion;

/// <summary>A family of Hugging Face models and the GGUF architecture it becomes.</summary>
/// <param name="Architecture">general.architecture.</param>
/// <param name="ModelTypes">model_type of its config.json.</param>
/// <param name="PermutesHeads">Hugging Face pairs the halves of a head for rotation; this architecture pairs neighbours, so the rows of
/// queries and keys change places.</param>
/// <param name="NormsHeads">Queries and keys are normed head by head.</param>
/// <param name="NeedsBias">Queries, keys and values have a bias.</param>
internal sealed record ModelFamily(
    string Architecture, string[] ModelTypes, bool PermutesHeads = false, bool NormsHeads = false, bool NeedsBias = false)
{
    private static readonly ModelFamily[] s_all =
    [
        new("llama", ["llama", "mistral"], PermutesHeads: true),
        new("qwen2", ["qwen2"], NeedsBias: true),
        new("qwen3", ["qwen3"], NormsHeads: true),
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
