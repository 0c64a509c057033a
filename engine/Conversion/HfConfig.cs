using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>What config.json says about a model's shape.</summary>
internal sealed record HfConfig
{
    /// <summary>The family.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>The keys, where a family reads more of them; with the values that its class takes for absent ones.</summary>
    public required CheckedJson Json { get; init; }

    /// <summary>Lines about what a GGUF file cannot say.</summary>
    public required List<string> Notices { get; init; }

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

    /// <summary>rms_norm_eps, or layer_norm_eps.</summary>
    public required float Epsilon { get; init; }

    /// <summary>Rotary embedding; null: positions are embedded otherwise.</summary>
    public HfRope? Rope { get; init; }

    /// <summary>How many values of a head rotate.</summary>
    public int RotatedDims { get; init; }

    /// <summary>tie_word_embeddings: the embedding is the output matrix.</summary>
    public bool TiesEmbeddings { get; init; }

    /// <summary>vocab_size, or null.</summary>
    public int? VocabSize { get; init; }

    /// <summary>attention_bias: queries, keys, values and attention's output have a bias.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>mlp_bias: the matrices of the feed-forward network have a bias.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>sliding_window, where the architecture has windows; null: none.</summary>
    public int? Window { get; init; }

    /// <summary>The checkpoint may have tensors for images.</summary>
    public bool HasImages { get; init; }

    /// <summary>Reads config.json. What this model would need and a GGUF file of its architecture does not say is added to the notices.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfConfig Read(CheckedJson config, List<string> notices)
    {
        CheckedJson text = TextPart(config);
        bool hasImages = text.Where != config.Where;
        ModelFamily family = ModelFamily.Of(text);
        foreach (CheckedJson part in (CheckedJson[])[config, text])
            if (part.TryGet("quantization_config", out _) && part.Object("quantization_config") is { } quantization)
                CheckQuantization(quantization, part, family);
        if (hasImages) KnownKeys.Multimodal.Check(config);
        family.Keys.Check(text);
        text = text.WithDefaults(family.Defaults);
        CheckArchitectures(config, hasImages, family);
        if (text.Text(family.ActivationKey) is { } act && !family.Activations.Contains(act))
            throw text.Unsupported($"{family.ActivationKey} '{act}'; expected {string.Join(" or ", family.Activations)}");
        if (config.TryGet("auto_map", out _))
            notices.Add("auto_map: the folder's own code is not looked at; the model is taken for what Hugging Face's class for "
                + $"{text.Text("model_type")} computes");
        HfConfig read = family.Read(text, family, notices);
        return read with { HasImages = hasImages, TiesEmbeddings = text.Flag("tie_word_embeddings") ?? config.Flag("tie_word_embeddings") ?? false };
    }

    /// <summary>Reads what a model that generates text says.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfConfig ReadDecoder(CheckedJson config, ModelFamily family, List<string> notices)
    {
        int hidden = config.Int("hidden_size", 1, 1 << 20), heads = config.Int("num_attention_heads", 1, 1 << 12);
        int headsKv = config.Int("num_key_value_heads", 1, heads, heads);
        if (heads % headsKv != 0) throw config.Invalid($"num_key_value_heads: expected a divisor of {heads}, found {headsKv}");
        if (!config.TryGet("head_dim", out _) && hidden % heads != 0)
            throw config.Invalid($"num_attention_heads: expected a divisor of {hidden}, found {heads}");
        int headDim = config.Int("head_dim", 2, 1 << 12, Math.Max(2, hidden / heads));
        if (headDim % 2 != 0) throw config.Invalid($"head_dim: expected an even number, found {headDim}");
        int rotated = (int)(headDim * config.Positive("partial_rotary_factor", 1));
        if (rotated < 2 || rotated > headDim || rotated % 2 != 0)
            throw config.Invalid($"partial_rotary_factor: expected an even number of {headDim} values to rotate, found {rotated}");
        int context = config.Int("max_position_embeddings", 1, 1 << 30), layers = config.Int("num_hidden_layers", 1, 1 << 12);
        return new HfConfig
        {
            Family = family,
            Json = config,
            Notices = notices,
            Layers = layers,
            Hidden = hidden,
            Intermediate = config.Int("intermediate_size", 1, 1 << 22),
            Heads = heads,
            HeadsKv = headsKv,
            HeadDim = headDim,
            ContextLength = context,
            Epsilon = (float)config.Positive("rms_norm_eps", family.Epsilon),
            VocabSize = config.TryGet("vocab_size", out _) ? config.Int("vocab_size", 1, int.MaxValue) : null,
            AttentionBias = Bias(config, "attention_bias", family.MayBiasAttention || family.NeedsBias),
            FeedForwardBias = Bias(config, "mlp_bias", family.MayBiasFeedForward),
            Window = HfWindow.Read(config, family, layers, context, notices),
            Rope = HfRope.Read(config, family, context, notices),
            RotatedDims = rotated,
        };
    }

    /// <summary>Writes the architecture's keys.</summary>
    public void WriteTo(ModelKeys keys)
    {
        keys.Count("context_length", ContextLength);
        keys.Count("embedding_length", Hidden);
        keys.Count("block_count", Layers);
        keys.Count("feed_forward_length", Intermediate);
        keys.Count("attention.head_count", Heads);
        keys.Number(Family.IsEncoder ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", Epsilon);
        if (Family.IsEncoder) keys.Flag("attention.causal", false);
        else
        {
            keys.Count("attention.head_count_kv", HeadsKv);
            keys.Count("attention.key_length", HeadDim);
            keys.Count("attention.value_length", HeadDim);
        }
        if (Window is { } window) keys.Count("attention.sliding_window", window);
        if (Rope is not null)
        {
            keys.Count("rope.dimension_count", RotatedDims);
            Rope.WriteTo(keys);
        }
        Family.Describe(this, keys);
    }

    /// <summary>Checks a number that the architecture fixes.</summary>
    /// <exception cref="EdgeLlmException">Unsupported.</exception>
    public void Require(string key, double expected)
    {
        if (Json.TryGet(key, out _) && Json.Positive(key) is var found && Math.Abs(found - expected) > 1e-6 * expected)
            throw Json.Unsupported(string.Create(CultureInfo.InvariantCulture,
                $"{key}: expected {expected}, found {found}, which a GGUF file of architecture {Family.Architecture} cannot say"));
    }

    // A model of texts and images has the text part's config.json within its own.
    private static CheckedJson TextPart(CheckedJson config) =>
        config.Text("model_type") is "gemma3" or "mistral3" && config.Object("text_config") is { } text ? text : config;

    // gpt-oss is published with its experts quantized.
    private static void CheckQuantization(CheckedJson quantization, CheckedJson config, ModelFamily family)
    {
        if (family.Architecture != Families.GptOss.Name) throw config.Unsupported("quantization_config: quantized checkpoints are not supported");
        Families.GptOss.Quantization.Check(quantization);
    }

    // Heads for other tasks are other models over the same layers.
    private static void CheckArchitectures(CheckedJson config, bool hasImages, ModelFamily family)
    {
        string[] ends = family.IsEncoder ? ["Model", "ForMaskedLM"] : hasImages ? ["ForConditionalGeneration", "Model"] : ["ForCausalLM", "Model"];
        foreach (JsonElement element in config.Array("architectures"))
        {
            string name = config.Text("architectures", element);
            if (!Array.Exists(ends, end => name.EndsWith(end, StringComparison.Ordinal)))
                throw config.Unsupported($"architectures: '{name}'; expected one that ends in {string.Join(" or ", ends)}");
        }
    }

    private static bool Bias(CheckedJson config, string key, bool may)
    {
        bool has = config.Flag(key) ?? false;
        return !has || may
            ? has : throw config.Unsupported($"{key}: expected false, found true, which Hugging Face's class for this family does not know");
    }
}
