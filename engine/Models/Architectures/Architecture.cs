namespace Edge.Llm.Models.Architectures;

/// <summary>How the files of an architecture are read: their keys and tensors to a spec.</summary>
/// <param name="Name">general.architecture.</param>
/// <param name="Models">What people know it by.</param>
/// <param name="Read">Reads a file.</param>
internal sealed record Architecture(string Name, string Models, Func<Keys, Tensors, ModelSpec> Read)
{
    /// <summary>All there are.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        .. Llama.Architectures, .. Qwen.Architectures, .. Gemma.Architectures, .. Glm.Architectures, .. Olmo.Architectures,
        .. Cohere.Architectures, .. Scaled.Architectures, .. Gpt.Architectures, .. Gates.Architectures, .. Common.Architectures,
        .. Mixtures.Architectures, .. DeepSeekLike.Architectures, .. WindowedMixtures.Architectures, .. Latent.Architectures, .. Recurrent.Architectures, .. DeltaNets.Architectures,
        .. DenseBeside.Architectures, .. Gemma3n.Architectures, .. Gemma4.Architectures, .. Encoders.Architectures, .. T5Encoder.Architectures,
    ];

    /// <summary>Reads a file by the architecture that it names.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static ModelSpec Open(GgufFile file, RopeOverride rope)
    {
        string name = file.Metadata.GetString("general.architecture");
        Architecture architecture = All.FirstOrDefault(architecture => architecture.Name == name) ?? throw new EdgeLlmException(
            ErrorCode.Unsupported, $"{file.Path}: architecture '{name}' is not supported" + (Waiting.ReasonOf(name) is { } reason
                ? $": {reason}" : $"; there are {All.Count}, among them llama, qwen3, gemma3, phi3 and gpt-oss"));
        var keys = new Keys(file, name, rope);
        return architecture.Read(keys, new Tensors(file, name, keys));
    }
}
