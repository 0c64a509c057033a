namespace Edge.Llm.Conversion.Families;

/// <summary>Phi 3 to 4.</summary>
internal static class Phis
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new("phi3", "phi3")
        {
            Epsilon = 1e-5, HasRopeFactors = true, SlidesUntold = true, Layer = Layer,
            Keys = KnownKeys.Config.With("partial_rotary_factor original_max_position_embeddings", "resid_pdrop embd_pdrop",
                ("full_attn_mod", ["1"]), ("interpolate_factor", ["1"]), ("lm_head_bias", ["false"])),
        },
    ];

    // Queries, keys and values are one matrix, and so are gate and up.
    private static void Layer(LayerTensors tensors)
    {
        HfConfig c = tensors.Config;
        int q = c.Heads * c.HeadDim, kv = c.HeadsKv * c.HeadDim;
        tensors.Norm("attn_norm", "input_layernorm");
        tensors.Linear("attn_qkv", "self_attn.qkv_proj", c.Hidden, q + (2 * kv));
        tensors.Linear("attn_output", "self_attn.o_proj", q, c.Hidden);
        tensors.Norm("ffn_norm", "post_attention_layernorm");
        tensors.Linear("ffn_up", "mlp.gate_up_proj", c.Hidden, 2 * c.Intermediate);
        tensors.Linear("ffn_down", "mlp.down_proj", c.Intermediate, c.Hidden);
    }
}
