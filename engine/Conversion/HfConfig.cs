using System.Text.Json;

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

    /// <summary>vocab_size, or null.</summary>
    public required int? VocabSize { get; init; }

    /// <summary>attention_bias: queries, keys, values and attention's output have a bias.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>mlp_bias: the matrices of the feed-forward network have a bias.</summary>
    public required bool FeedForwardBias { get; init; }

    /// <summary>Rotary embedding.</summary>
    public required HfRope Rope { get; init; }

    /// <summary>Reads config.json. What this model would need and a GGUF file of its architecture does not say is added to the notices.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfConfig Read(CheckedJson config, List<string> notices)
    {
        ModelFamily family = ModelFamily.Of(config);
        if (config.Object("quantization_config") is not null)
            throw config.Unsupported("quantization_config: quantized checkpoints are not supported");
        KnownKeys.Config.Check(config);
        CheckArchitectures(config);
        if (config.Text("hidden_act") is { } act && act is not ("silu" or "swish"))
            throw config.Unsupported($"hidden_act '{act}'; expected silu");
        if (config.TryGet("auto_map", out _))
            notices.Add("auto_map: the folder's own code is not looked at; the model is taken for what Hugging Face's class for "
                + $"{config.Text("model_type")} computes");
        int hidden = config.Int("hidden_size", 1, 1 << 20), heads = config.Int("num_attention_heads", 1, 1 << 12);
        int headsKv = config.Int("num_key_value_heads", 1, heads, family.SharesHeadsUnasked ? null : heads);
        if (heads % headsKv != 0) throw config.Invalid($"num_key_value_heads: expected a divisor of {heads}, found {headsKv}");
        if (!config.TryGet("head_dim", out _) && hidden % heads != 0)
            throw config.Invalid($"num_attention_heads: expected a divisor of {hidden}, found {heads}");
        int headDim = config.Int("head_dim", 2, 1 << 12, Math.Max(2, hidden / heads));
        if (headDim % 2 != 0) throw config.Invalid($"head_dim: expected an even number, found {headDim}");
        int context = config.Int("max_position_embeddings", 1, 1 << 30);
        NoteWindow(config, family, context, notices);
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
            VocabSize = config.TryGet("vocab_size", out _) ? config.Int("vocab_size", 1, int.MaxValue) : null,
            AttentionBias = Bias(config, "attention_bias", family.MayBiasAttention),
            FeedForwardBias = Bias(config, "mlp_bias", family.MayBiasFeedForward),
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

    // Heads for other tasks than generating are other models over the same layers.
    private static void CheckArchitectures(CheckedJson config)
    {
        foreach (JsonElement element in config.Array("architectures"))
        {
            string name = config.Text("architectures", element);
            if (!name.EndsWith("ForCausalLM", StringComparison.Ordinal) && !name.EndsWith("Model", StringComparison.Ordinal))
                throw config.Unsupported($"architectures: '{name}'; expected a model for text generation (...ForCausalLM, ...Model)");
        }
    }

    // Hugging Face's classes slide by layer_types, or all layers; Mistral's does unless it is told null.
    private static void NoteWindow(CheckedJson config, ModelFamily family, int context, List<string> notices)
    {
        string[] layers = [.. config.Array("layer_types").Select(element => config.Text("layer_types", element))];
        if (Array.Find(layers, kind => kind is not ("full_attention" or "sliding_attention")) is { } other)
            throw config.Unsupported($"layer_types: '{other}'; expected full_attention or sliding_attention");
        bool slides = config.Flag("use_sliding_window") ?? (family.Architecture == "llama" || layers.Contains("sliding_attention"));
        int unsaid = family.SlidesUnasked && !config.Element.TryGetProperty("sliding_window", out _) ? 4096 : int.MaxValue;
        if (config.Int("sliding_window", 1, int.MaxValue, unsaid) is int window && slides && window < context)
            notices.Add($"sliding_window {window}: the architecture {family.Architecture} has no such key; longer texts are attended to in full");
    }

    private static bool Bias(CheckedJson config, string key, bool may)
    {
        bool has = config.Flag(key) ?? false;
        return !has || may
            ? has : throw config.Unsupported($"{key}: expected false, found true, which Hugging Face's class for this family does not know");
    }
}
