namespace Edge.Llm.Models.Architectures;

/// <summary>How the files of an architecture are read: their keys to hyper-parameters, their tensors to weights.</summary>
internal sealed record Architecture(string Name, Func<GgufFile, ModelConfig> ReadConfig, Func<GgufFile, ModelConfig, Weights> BindWeights)
{
    private static readonly Architecture[] s_all = [Llama.Architecture];

    /// <summary>The architecture that a file names.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static Architecture Of(GgufFile file)
    {
        string name = file.Metadata.GetString("general.architecture");
        return Array.Find(s_all, architecture => architecture.Name == name)
            ?? throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{file.Path}: architecture '{name}' is not supported; there are: {string.Join(", ", s_all.Select(architecture => architecture.Name))}");
    }
}
