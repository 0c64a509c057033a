namespace Edge.Llm.Models.Architectures;

/// <summary>How the files of an architecture are read: their keys and tensors to a spec.</summary>
internal sealed record Architecture(string Name, Func<Keys, Tensors, ModelSpec> Read)
{
    private static readonly Architecture[] s_all = [Llama.Architecture];

    /// <summary>Reads a file by the architecture that it names.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static ModelSpec Open(GgufFile file, RopeOverride rope)
    {
        string name = file.Metadata.GetString("general.architecture");
        Architecture architecture = Array.Find(s_all, architecture => architecture.Name == name)
            ?? throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{file.Path}: architecture '{name}' is not supported; there are: {string.Join(", ", s_all.Select(architecture => architecture.Name))}");
        return architecture.Read(new Keys(file, name, rope), new Tensors(file, name));
    }
}
