namespace Edge.Llm.Models.Architectures;

/// <summary>Command R and A: parallel blocks.</summary>
internal static class Cohere
{
    private const int LayersOfPlus = 64; // Command R+ and larger norm queries and keys

    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("command-r", "Command R, R+, Aya 23, Aya Expanse", CommandR),
        new("cohere2", "Command R7B, Command A, Tiny Aya", Cohere2),
        new("cohere2moe", "Command A MoE", Cohere2Moe),
    ];

    private static ModelSpec CommandR(Keys keys, Tensors tensors) => tensors.Decoder(
        il => tensors.Parallel(
            il, tensors.Attention(il, keys.Attention(il, RopeType.Norm), keys.LayerCount >= LayersOfPlus ? QkNorm.Layer : QkNorm.None),
            tensors.Gated(il, Activation.Silu), NormKind.Layer),
        NormKind.Layer, logitScale: keys.Positive("logit_scale"));

    // Three of four layers have a window, and rotate.
    private static ModelSpec Cohere2(Keys keys, Tensors tensors)
    {
        int window = keys.Count("attention.sliding_window", 1 << 30);
        return tensors.Decoder(
            il =>
            {
                bool local = keys.HasWindow(il, 4);
                AttentionConfig attention = keys.Attention(il, local ? RopeType.Norm : null) with { Window = local ? window : int.MaxValue };
                return tensors.Parallel(il, tensors.Attention(il, attention), tensors.Gated(il, Activation.Silu), NormKind.Layer);
            },
            NormKind.Layer, logitScale: keys.Positive("logit_scale"));
    }

    // Window layers and the leading dense ones rotate. The shared expert counts as much as all others.
    private static ModelSpec Cohere2Moe(Keys keys, Tensors tensors)
    {
        int window = keys.Count("attention.sliding_window", 1 << 30);
        NormKind norm = keys.Has("attention.layer_norm_rms_epsilon") ? NormKind.Rms : NormKind.Layer;
        return tensors.Decoder(
            il =>
            {
                bool local = keys.HasWindow(il, 4, fullFirst: true), dense = il < keys.LeadingDense;
                AttentionConfig attention = keys.Attention(il, local || dense ? RopeType.Norm : null) with { Window = local ? window : int.MaxValue };
                int width = keys.Count(il, "expert_feed_forward_length", 1 << 22, keys.FeedForwardLength(il));
                IFeedForwardSpec ffn = dense
                    ? tensors.Gated(il, Activation.Silu)
                    : tensors.Experts(il, keys.Router(il, Gating.Sigmoid), Activation.Silu, width) with
                    {
                        Shared = tensors.SharedExpert(il, Activation.Silu, keys.SharedWidth(il, width * Math.Max(1, keys.SharedCount))), OutputScale = 0.5f,
                    };
                return tensors.Parallel(il, tensors.Attention(il, attention), ffn, norm);
            },
            norm, logitScale: keys.Positive("logit_scale"));
    }
}
