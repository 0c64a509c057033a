namespace Edge.Llm.Models.Architectures;

/// <summary>Gated delta nets with full attention in some layers.</summary>
internal static class DeltaNets
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("qwen3next", "Qwen3-Next", (keys, tensors) => Qwen(keys, tensors, newer: false, experts: true)),
        new("qwen35", "Qwen3.5, 3.6", (keys, tensors) => Qwen(keys, tensors, newer: true, experts: false)),
        new("qwen35moe", "Qwen3.5 MoE, 3.6 MoE", (keys, tensors) => Qwen(keys, tensors, newer: true, experts: true)),
        new("kimi-linear", "Kimi Linear 48B", Kimi),
    ];

    // Attention's gate stands in the queries. The newer ones rotate in sections, and pair heads the other way.
    private static ModelSpec Qwen(Keys keys, Tensors tensors, bool newer, bool experts) => tensors.Decoder(il =>
    {
        IMixerSpec mixer;
        if (keys.IsRecurrent(il)) mixer = tensors.DeltaNet(il, keys.DeltaNet(headsAlternate: newer));
        else
        {
            AttentionConfig attention = keys.Attention(il, RopeType.Neox);
            if (newer) attention = attention with { Rope = keys.Sections(attention.Rope!, interleaved: true) };
            mixer = tensors.Attention(il, attention, QkNorm.Rms, gateInQ: true);
        }
        IFeedForwardSpec ffn = !experts
            ? tensors.Gated(il, Activation.Silu)
            : tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.ExpertWidthOrShare(il)) with
            {
                Shared = tensors.SharedExpert(il, Activation.Silu, keys.SharedWidth(il, keys.FeedForwardLength(il))), SharedGate = tensors.SharedGate(il),
            };
        return tensors.Pre(il, mixer, ffn, ffnNorm: "post_attention_norm");
    });

    // Layers without heads of keys are recurrent; nothing rotates.
    private static ModelSpec Kimi(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        IMixerSpec mixer = keys.HeadCountKv(il) == 0
            ? tensors.KimiDelta(il, keys.KimiDelta(il)) : tensors.LatentAttention(il, keys.LatentAttention(tensors.Has(il, "attn_k_b"), null));
        int width = il < keys.LeadingDense ? 0 : keys.ExpertWidth(il);
        IFeedForwardSpec ffn = width == 0
            ? tensors.Gated(il, Activation.Silu)
            : DeepSeekLike.Feed(keys, tensors, il, keys.Router(il, null) with { Normalize = true }, width, width * keys.SharedCount);
        return tensors.Pre(il, mixer, ffn);
    });
}
