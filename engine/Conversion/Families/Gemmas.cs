namespace Edge.Llm.Conversion.Families;

/// <summary>Gemma 1 to 3.</summary>
internal static class Gemmas
{
    private const string Gelu = "gelu_pytorch_tanh";

    private static readonly KeyTable s_keys = KnownKeys.Config.With(
        "query_pre_attn_scalar sliding_window_pattern _sliding_window_pattern final_logit_softcapping attn_logit_softcapping "
        + "rope_local_base_freq hidden_activation",
        "hidden_act", ("use_bidirectional_attention", ["false"]));

    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new("gemma", "gemma")
        {
            NormsPlusOne = true, Activations = [Gelu], ActivationKey = "hidden_activation", Keys = KnownKeys.Config.With("hidden_activation", "hidden_act"),
            Defaults = """{"num_key_value_heads":16,"head_dim":256,"tie_word_embeddings":true}""",
        },
        new("gemma2", "gemma2")
        {
            NormsPlusOne = true, Activations = [Gelu], ActivationKey = "hidden_activation", Keys = s_keys, FullEvery = 2, Describe = Gemma2,
            Layer = tensors => Layer(tensors, QkNorms.None),
            Defaults = """
                {"num_key_value_heads":4,"head_dim":256,"query_pre_attn_scalar":256,"sliding_window":4096,"final_logit_softcapping":30.0,
                 "attn_logit_softcapping":50.0,"tie_word_embeddings":true}
                """,
        },
        new("gemma3", "gemma3_text")
        {
            NormsPlusOne = true, HasLayerRopes = true, RopeTheta = 1_000_000, Activations = [Gelu], ActivationKey = "hidden_activation", Keys = s_keys, FullEvery = 6,
            Describe = Gemma3, Layer = tensors => Layer(tensors, QkNorms.Head),
            Defaults = """
                {"num_attention_heads":8,"num_key_value_heads":4,"head_dim":256,"hidden_size":2304,"intermediate_size":9216,
                 "num_hidden_layers":26,"max_position_embeddings":131072,"query_pre_attn_scalar":256,"sliding_window":4096,
                 "tie_word_embeddings":true}
                """,
        },
    ];

    private static void Layer(LayerTensors tensors, QkNorms norms)
    {
        tensors.Norm("attn_norm", "input_layernorm");
        tensors.Attention(norms);
        tensors.Norm("post_attention_norm", "post_attention_layernorm");
        tensors.Norm("ffn_norm", "pre_feedforward_layernorm");
        tensors.Gated();
        tensors.Norm("post_ffw_norm", "post_feedforward_layernorm");
    }

    private static void Gemma2(HfConfig config, ModelKeys keys)
    {
        CheckScale(config, widest: 46);
        keys.Number("attn_logit_softcapping", config.Json.Positive("attn_logit_softcapping"));
        keys.Number("final_logit_softcapping", config.Json.Positive("final_logit_softcapping"));
    }

    private static void Gemma3(HfConfig config, ModelKeys keys)
    {
        CheckScale(config, widest: 62);
        if (config.Json.TryGet("attn_logit_softcapping", out _))
            throw config.Json.Unsupported("attn_logit_softcapping: expected null, which is all that a GGUF file can say");
        if (config.Json.TryGet("final_logit_softcapping", out _)) keys.Number("final_logit_softcapping", config.Json.Positive("final_logit_softcapping"));
        keys.Number("rope.freq_base_swa", HfRope.WindowTheta(config.Json));
    }

    // Readers scale scores by the heads' length; in a model of this many layers, by what each head's part of the width would be.
    private static void CheckScale(HfConfig config, int widest) =>
        config.Require("query_pre_attn_scalar", config.Layers == widest ? config.Hidden / config.Heads : config.HeadDim);
}
