namespace Edge.Llm.Conversion.Families;

/// <summary>BERT and Nomic's.</summary>
internal static class Encoders
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new("bert", "bert")
        {
            IsEncoder = true, Read = ReadBert, Describe = TokenTypes, Embedding = "embeddings.word_embeddings", Edges = BertEdges, Layer = BertLayer,
            LayerName = "encoder.layer", Activations = ["gelu"], Unneeded = ["pooler.", "cls."],
            Keys = KnownKeys.AnyConfig.With(
                "hidden_size intermediate_size num_hidden_layers num_attention_heads max_position_embeddings layer_norm_eps type_vocab_size hidden_act",
                "hidden_dropout_prob attention_probs_dropout_prob classifier_dropout directionality pooler_fc_size pooler_num_attention_heads "
                + "pooler_num_fc_layers pooler_size_per_head pooler_type", ("position_embedding_type", ["\"absolute\""])),
            Defaults = """{"type_vocab_size":2,"layer_norm_eps":1e-12,"hidden_act":"gelu"}""",
        },
        new("nomic-bert", "nomic_bert")
        {
            IsEncoder = true, Read = ReadNomic, Describe = TokenTypes, Embedding = "embeddings.word_embeddings", Edges = NomicEdges, Layer = NomicLayer,
            LayerName = "encoder.layers", ActivationKey = "activation_function", Activations = ["swiglu"], Unneeded = ["pooler.", "cls."],
            Keys = KnownKeys.AnyConfig.With(
                "n_embd n_inner n_layer n_head n_positions layer_norm_epsilon type_vocab_size activation_function rotary_emb_base "
                + "qkv_proj_bias mlp_fc1_bias mlp_fc2_bias",
                "attn_pdrop embd_pdrop resid_pdrop summary_activation summary_first_dropout summary_proj_to_labels summary_type "
                + "summary_use_proj fused_bias_fc fused_dropout_add_ln use_flash_attn use_xentropy pad_vocab_size_multiple "
                + "max_trained_positions dense_seq_output last_layer_subset reorder_and_upcast_attn",
                ("rotary_emb_fraction", ["1"]), ("rotary_emb_interleaved", ["false"]), ("rotary_emb_scale_base", []),
                ("rotary_scaling_factor", []), ("prenorm", ["false"]), ("parallel_block", ["false"]), ("parallel_block_tied_norm", ["false"]),
                ("use_rms_norm", ["false"]), ("causal", ["false"]), ("num_experts", ["0"]),
                ("scale_attn_weights", ["true"]), ("scale_attn_by_inverse_layer_idx", ["false"])),
            Defaults = """{"type_vocab_size":2,"layer_norm_epsilon":1e-12,"rotary_emb_base":10000.0}""",
        },
    ];

    private static HfConfig ReadBert(CheckedJson config, ModelFamily family, List<string> notices) => Read(config, family, notices,
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings", "layer_norm_eps");

    private static HfConfig ReadNomic(CheckedJson config, ModelFamily family, List<string> notices)
    {
        HfConfig read = Read(config, family, notices, "n_embd", "n_inner", "n_layer", "n_head", "n_positions", "layer_norm_epsilon");
        foreach (string key in (string[])["qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias"])
            if (config.Flag(key) is not false) throw config.Unsupported($"{key}: expected false, which is all that readers of a GGUF file do");
        return read with { Rope = HfRope.Of(config.Positive("rotary_emb_base")), RotatedDims = read.HeadDim };
    }

    private static HfConfig Read(CheckedJson config, ModelFamily family, List<string> notices,
        string hidden, string intermediate, string layers, string heads, string context, string epsilon)
    {
        int width = config.Int(hidden, 1, 1 << 20), count = config.Int(heads, 1, 1 << 12);
        if (width % count != 0) throw config.Invalid($"{heads}: expected a divisor of {width}, found {count}");
        return new HfConfig
        {
            Family = family,
            Json = config,
            Notices = notices,
            Layers = config.Int(layers, 1, 1 << 12),
            Hidden = width,
            Intermediate = config.Int(intermediate, 1, 1 << 22),
            Heads = count,
            HeadsKv = count,
            HeadDim = width / count,
            ContextLength = config.Int(context, 1, 1 << 30),
            Epsilon = (float)config.Positive(epsilon),
            VocabSize = config.TryGet("vocab_size", out _) ? config.Int("vocab_size", 1, int.MaxValue) : null,
        };
    }

    private static void TokenTypes(HfConfig config, ModelKeys keys) => keys.TokenTypes(Types(config));

    private static int Types(HfConfig config) => config.Json.Int("type_vocab_size", 1, 1 << 10);

    private static void BertEdges(LayerTensors tensors)
    {
        HfConfig c = tensors.Config;
        tensors.Linear("position_embd", "embeddings.position_embeddings", c.Hidden, c.ContextLength, type: GgmlType.F32);
        tensors.Linear("token_types", "embeddings.token_type_embeddings", c.Hidden, Types(c), type: GgmlType.F32);
        tensors.LayerNorm("token_embd_norm", "embeddings.LayerNorm");
    }

    private static void BertLayer(LayerTensors tensors)
    {
        HfConfig c = tensors.Config;
        foreach ((string name, string source) in ((string, string)[])[("attn_q", "query"), ("attn_k", "key"), ("attn_v", "value")])
            tensors.Linear(name, "attention.self." + source, c.Hidden, c.Hidden, bias: true);
        tensors.Linear("attn_output", "attention.output.dense", c.Hidden, c.Hidden, bias: true);
        tensors.LayerNorm("attn_output_norm", "attention.output.LayerNorm");
        tensors.Linear("ffn_up", "intermediate.dense", c.Hidden, c.Intermediate, bias: true);
        tensors.Linear("ffn_down", "output.dense", c.Intermediate, c.Hidden, bias: true);
        tensors.LayerNorm("layer_output_norm", "output.LayerNorm");
    }

    private static void NomicEdges(LayerTensors tensors)
    {
        tensors.Linear("token_types", "embeddings.token_type_embeddings", tensors.Config.Hidden, Types(tensors.Config), type: GgmlType.F32);
        tensors.LayerNorm("token_embd_norm", "emb_ln");
    }

    // fc11 is multiplied by the activation of fc12.
    private static void NomicLayer(LayerTensors tensors)
    {
        HfConfig c = tensors.Config;
        tensors.Linear("attn_qkv", "attn.Wqkv", c.Hidden, 3 * c.Hidden);
        tensors.Linear("attn_output", "attn.out_proj", c.Hidden, c.Hidden);
        tensors.LayerNorm("attn_output_norm", "norm1");
        tensors.Linear("ffn_up", "mlp.fc11", c.Hidden, c.Intermediate);
        tensors.Linear("ffn_gate", "mlp.fc12", c.Hidden, c.Intermediate);
        tensors.Linear("ffn_down", "mlp.fc2", c.Intermediate, c.Hidden);
        tensors.LayerNorm("layer_output_norm", "norm2");
    }
}
