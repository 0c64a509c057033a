namespace Edge.Llm.Conversion;

/// <summary>What config.json says about a model's shape.</summary>
internal sealed record HfConfig
{
    /// <summary>The family.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>num_hidden_layers.</summary>
    public required int Layers { get; init; }

    /// <summary>hidden_size.</summary>
    public required int Hidden { get; init; }

    /// <summary>intermediate_size.</summary>
    public required int Intermediate { get; init; }

    /// <summary>num_attention_heads.</summary>
    public required int Heads { get; init; }

    /// <summary>num_key_value_heads.</summary>
    public required int HeadsKv { get; init; }

    /// <summary>head_dim, or hidden_size / num_attention_heads.</summary>
    public required int HeadDim { get; init; }

    /// <summary>max_position_embeddings.</summary>
    public required int ContextLength { get; init; }

    /// <summary>rms_norm_eps.</summary>
    public required float Epsilon { get; init; }

    /// <summary>tie_word_embeddings: the embedding is the output matrix.</summary>
    public required bool TiesEmbeddings { get; init; }

    /// <summary>Rotary embedding.</summary>
    public required HfRope Rope { get; init; }

    /// <summary>Reads config.json. What this model would need and a GGUF file of its architecture does not say is added to the notices.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfConfig Read(CheckedJson config, List<string> notices)
    {
        ModelFamily family = ModelFamily.Of(config);
        if (config.Object("quantization_config") is not null)
            throw config.Unsupported("quantization_config: quantized checkpoints are not supported");
        if (config.Text("hidden_act") is { } act && act is not ("silu" or "swish"))
            throw config.Unsupported($"hidden_act '{act}'; expected silu");
        int hidden = config.Int("hidden_size", 1, 1 << 20), heads = config.Int("num_attention_heads", 1, 1 << 12);
        int headsKv = config.Int("num_key_value_heads", 1, heads, heads);
        if (heads % headsKv != 0) throw config.Invalid($"num_key_value_heads: expected a divisor of {heads}, found {headsKv}");
        if (!config.TryGet("head_dim", out _) && hidden % heads != 0)
            throw config.Invalid($"num_attention_heads: expected a divisor of {hidden}, found {heads}");
        int headDim = config.Int("head_dim", 2, 1 << 12, Math.Max(2, hidden / heads));
        if (headDim % 2 != 0) throw config.Invalid($"head_dim: expected an even number, found {headDim}");
        int context = config.Int("max_position_embeddings", 1, 1 << 30);
        bool slides = config.Flag("use_sliding_window") ?? family.Architecture == "llama";
        if (slides && config.Int("sliding_window", 1, int.MaxValue, int.MaxValue) is int window && window < context)
            notices.Add($"sliding_window {window}: the architecture {family.Architecture} has no such key; longer texts are attended to in full");
        return new HfConfig
        {
            Family = family,
            Layers = config.Int("num_hidden_layers", 1, 1 << 12),
            Hidden = hidden,
            Intermediate = config.Int("intermediate_size", 1, 1 << 22),
            Heads = heads,
            HeadsKv = headsKv,
            HeadDim = headDim,
            ContextLength = context,
            Epsilon = (float)config.Positive("rms_norm_eps", 1e-6),
            TiesEmbeddings = config.Flag("tie_word_embeddings") ?? false,
            Rope = HfRope.Read(config, context, notices),
        };
    }

    /// <summary>Writes the architecture's keys.</summary>
    public void WriteTo(GgufWriter writer, int vocabSize)
    {
        void Count(string key, int value) => writer.AddMetadata($"{Family.Architecture}.{key}", (uint)value);

        Count("vocab_size", vocabSize);
        Count("context_length", ContextLength);
        Count("embedding_length", Hidden);
        Count("block_count", Layers);
        Count("feed_forward_length", Intermediate);
        Count("attention.head_count", Heads);
        Count("attention.head_count_kv", HeadsKv);
        Count("attention.key_length", HeadDim);
        Count("attention.value_length", HeadDim);
        Count("rope.dimension_count", HeadDim);
        writer.AddMetadata($"{Family.Architecture}.attention.layer_norm_rms_epsilon", Epsilon);
        Rope.WriteTo(writer, Family.Architecture);
    }
}
