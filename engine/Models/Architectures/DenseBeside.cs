namespace Edge.Llm.Models.Architectures;

/// <summary>Mixtures of experts with a dense network beside them.</summary>
internal static class DenseBeside
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } = [new("arctic", "Snowflake Arctic", Arctic), new("grok", "Grok 1, 2", Grok)];

    // The experts read the layer's input, before attention; the dense network is as wide as the stream.
    private static ModelSpec Arctic(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        ExpertsSpec experts = tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.FeedForwardLength(il));
        LayerSpec layer = tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Norm)), tensors.Gated(il, Activation.Silu, keys.EmbeddingLength));
        return layer with
        {
            FfnIn = null,
            Ffn = new BranchesSpec(
                new Branch(layer.FfnIn, layer.Ffn!, null), new Branch(tensors.RmsNorm(il, "ffn_norm_exps"), experts, null) { ReadsLayerInput = true }),
        };
    });

    // Numbers that old files do not have are those of Grok 1.
    private static ModelSpec Grok(Keys keys, Tensors tensors)
    {
        ModelSpec model = tensors.Decoder(
            il =>
            {
                AttentionConfig attention = keys.Attention(il, RopeType.Neox);
                attention = attention with
                {
                    Scale = keys.Positive("attention.output_scale", 0.08838834764831845f), Softcap = keys.Positive("attn_logit_softcapping", 30),
                    Rope = keys.WithBetas(attention.Rope!),
                };
                IFeedForwardSpec ffn = tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Gelu, keys.Count(il, "expert_feed_forward_length", 1 << 22, keys.FeedForwardLength(il)));
                if (tensors.Has(il, "ffn_up"))
                    ffn = new BranchesSpec(new Branch(null, tensors.Gated(il, Activation.Gelu), null), new Branch(null, ffn, null)) { Scale = 1 / MathF.Sqrt(2) };
                return tensors.Pre(il, tensors.Attention(il, attention), ffn) with
                {
                    AfterMixer = tensors.RmsNorm(il, "attn_output_norm"),
                    AfterFfn = tensors.RmsNorm(il, tensors.Has(il, "layer_output_norm") ? "layer_output_norm" : "post_ffw_norm"),
                };
            },
            embeddingScale: keys.Positive("embedding_scale", 78.38367176906169f), logitScale: keys.Positive("logit_scale", 0.5773502691896257f));
        return model with { FinalSoftcap = keys.NonNegative("final_logit_softcapping", 0) };
    }
}
