namespace Edge.Llm.Models.Architectures;

/// <summary>Gemma 4: heads of two sizes, layers that read others' keys, inputs for each layer, experts beside a dense network.</summary>
internal static class Gemma4
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } = [new("gemma4", "Gemma 4 (E2B, E4B, 26B, 31B)", Read)];

    private static ModelSpec Read(Keys keys, Tensors tensors)
    {
        int perLayer = keys.Count("embedding_length_per_layer_input", 1 << 16, 0);
        ModelSpec model = tensors.Decoder(
            il =>
            {
                LayerSpec layer = tensors.Sandwich(il, Attention(keys, tensors, il), tensors.Gated(il, Activation.Gelu));
                if (tensors.Has(il, "ffn_gate_inp")) layer = layer with { FfnIn = null, Ffn = Beside(keys, tensors, il, layer) };
                if (perLayer > 0) layer = layer with { End = tensors.LayerEnd(il, perLayer) };
                return tensors.Has(il, "layer_output_scale") ? layer with { OutScale = tensors.Value($"blk.{il}.layer_output_scale.weight") } : layer;
            },
            embeddingScale: MathF.Sqrt(keys.EmbeddingLength), perLayer: perLayer);
        return model with { FinalSoftcap = keys.Positive("final_logit_softcapping", 30) };
    }

    private static AttentionSpec Attention(Keys keys, Tensors tensors, int il)
    {
        bool local = keys.FlagOf(il, "attention.sliding_window_pattern");
        AttentionConfig config = local ? keys.WindowAttention(il, RopeType.Neox) : keys.Attention(il, RopeType.Neox);
        if (local) config = config with { Rope = keys.PlainWindowRope(config.Rope!, 10000) with { Factors = [] } };
        config = config with { Scale = 1 };
        int own = keys.LayerCount - keys.Count("attention.shared_kv_layers", keys.LayerCount, 0);
        if (il >= own) return tensors.SharedAttention(il, config, own - (local ? 2 : 1));
        return tensors.Attention(il, config, QkNorm.Rms, valuesMayBeKeys: true) with { VNorm = new Norm(NormKind.Rms, null, null, keys.RmsEpsilon) };
    }

    // The dense network and the experts each have norms of their own; the router reads the stream.
    private static BranchesSpec Beside(Keys keys, Tensors tensors, int il, LayerSpec dense)
    {
        int embd = keys.EmbeddingLength;
        ExpertsSpec experts = tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Gelu, keys.ExpertWidthOrShare(il));
        var router = new Norm(NormKind.Rms, tensors.Vector($"blk.{il}.ffn_gate_inp.scale", embd), null, keys.RmsEpsilon);
        experts = experts with
        {
            RouterIn = router, RouterWeight = experts.RouterWeight with { Scale = 1 / MathF.Sqrt(embd) }, ExpertsIn = tensors.RmsNorm(il, "pre_ffw_norm_2"),
        };
        return new BranchesSpec(
            new Branch(dense.FfnIn, dense.Ffn!, tensors.RmsNorm(il, "post_ffw_norm_1")), new Branch(null, experts, tensors.RmsNorm(il, "post_ffw_norm_2")));
    }
}
