namespace Edge.Llm.Quantization;

/// <summary>The few hyper-parameters that a mix of types depends on. A file without them (not a language model, say) is treated as dense.</summary>
internal sealed class ModelTraits
{
    private readonly bool _hasOutput;

    /// <summary>Reads the keys.</summary>
    public ModelTraits(GgufFile file, bool hasImportance)
    {
        string architecture = file.Metadata.GetString("general.architecture", "");
        int Key(string key) => file.Metadata.TryGet($"{architecture}.{key}", out GgufValue value) ? First(value) : 0;
        Layers = architecture == "nanbeige" ? Key("block_count") * Math.Clamp(Key("num_loops"), 1, 64) : Key("block_count"); // its layers run several times
        Experts = Key("expert_count");
        int heads = Key("attention.head_count"), headsKv = Key("attention.head_count_kv");
        if (!file.Metadata.Contains($"{architecture}.attention.head_count_kv")) headsKv = heads;
        HeadsPerKv = headsKv == 0 ? 0 : heads / headsKv;
        IsFalcon = architecture == "falcon";
        _hasOutput = file.TryGetTensor("output.weight", out _);
        HasImportance = hasImportance;
        SharesValuesWidely = architecture switch
        {
            "llama" => Layers == 80 && headsKv != heads,
            "qwen2" or "qwen2vl" or "deci" => Layers == 80,
            "jais2" => Layers == 68,
            _ => false,
        };
    }

    /// <summary>Number of layers.</summary>
    public int Layers { get; }

    /// <summary>Number of experts; 0 for a dense model.</summary>
    public int Experts { get; }

    /// <summary>Query heads that share a key and value head.</summary>
    public int HeadsPerKv { get; }

    /// <summary>Architecture falcon.</summary>
    public bool IsFalcon { get; }

    /// <summary>An importance matrix is given.</summary>
    public bool HasImportance { get; }

    /// <summary>Models of 70 billion parameters, where eight query heads share a small value projection: more bits cost little there.</summary>
    public bool SharesValuesWidely { get; }

    /// <summary>Whether a tensor is the output matrix: <c>output.weight</c>, or, without it, a token embedding.</summary>
    public bool IsOutput(Tensor tensor) => TensorNames.Role(tensor.Name) == (_hasOutput ? TensorRole.Output : TensorRole.TokenEmbedding);

    // Some models list a value for each layer: the first counts.
    private static int First(GgufValue value)
    {
        if (value.TryGetArray(out GgufArray array))
        {
            if (array.Count == 0) return 0;
            value = array.First();
        }
        return value.TryGetInteger(out Int128 number) && number >= 0 && number <= int.MaxValue ? (int)number : 0;
    }
}
