namespace Edge.Llm.Models.Architectures;

/// <summary>Experts with a shared one behind some dense layers, on plain attention.</summary>
internal static class DeepSeekLike
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("deepseek", "DeepSeek-MoE 16B", DeepSeek),
        new("deepseek2-ocr", "DeepSeek-OCR", DeepSeekOcr),
        new("dots1", "dots.llm1", Dots1),
        new("bailingmoe", "Ling lite, plus", BailingMoe),
        new("bailingmoe2", "Ling, Ring 2 mini, flash", BailingMoe2),
        new("glm4moe", "GLM-4.5, 4.6, 4.7, Air, V, Solar Open", Glm4Moe),
        new("ernie4_5-moe", "ERNIE 4.5 21B, 300B", ErnieMoe),
        new("hy_v3", "Hunyuan 3", HunyuanV3),
    ];

    /// <summary>A dense network in the leading layers, then experts with a shared one of a width, which may be 0: none.</summary>
    public static IFeedForwardSpec Feed(Keys keys, Tensors tensors, int il, RouterConfig router, int width, int sharedWidth)
    {
        if (il < keys.LeadingDense) return tensors.Gated(il, Activation.Silu);
        return WithShared(tensors, il, tensors.Experts(il, router, Activation.Silu, width), Activation.Silu, sharedWidth);
    }

    /// <summary>Experts, and a shared one of a width, unless it is 0.</summary>
    public static ExpertsSpec WithShared(Tensors tensors, int il, ExpertsSpec experts, Activation activation, int width) =>
        width == 0 ? experts : experts with { Shared = tensors.SharedExpert(il, activation, width) };

    private static ModelSpec DeepSeek(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Norm)),
        Feed(keys, tensors, il, keys.Router(il, Gating.Softmax, false) with { Scale = keys.NonNegative("expert_weights_scale", 1) },
            keys.ExpertWidth(il), keys.ExpertWidth(il) * keys.SharedCount)));

    private static ModelSpec DeepSeekOcr(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)),
        Feed(keys, tensors, il, keys.Router(il, Gating.Softmax), keys.ExpertWidth(il), keys.ExpertWidth(il) * keys.SharedCount)));

    private static ModelSpec Dots1(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.Rms),
        Feed(keys, tensors, il, keys.Router(il, null), keys.ExpertWidth(il), keys.ExpertWidth(il) * keys.SharedCount)));

    // Scores are scaled by what rotates.
    private static ModelSpec BailingMoe(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Norm);
        RouterConfig router = keys.Router(il, Gating.Softmax) with { Gating = Gating.Softmax };
        return tensors.Pre(
            il, tensors.Attention(il, attention with { Scale = 1 / MathF.Sqrt(attention.Rope!.Dimensions) }),
            WithShared(tensors, il, tensors.Experts(il, router, Activation.Silu, keys.ExpertWidth(il)), Activation.Silu, keys.ExpertWidth(il) * keys.SharedCount));
    });

    private static ModelSpec BailingMoe2(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.Rms),
        Feed(keys, tensors, il, keys.Router(il, null), keys.ExpertWidth(il), keys.SharedWidth(il, keys.ExpertWidth(il)) * keys.SharedCount)));

    private static ModelSpec Glm4Moe(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Neox);
        attention = attention with { Rope = keys.Sections(attention.Rope!, interleaved: false) };
        int width = keys.ExpertWidthOrShare(il);
        return tensors.Pre(
            il, tensors.Attention(il, attention, QkNorm.OptionalRms),
            Feed(keys, tensors, il, keys.Router(il, Gating.Sigmoid), width, width * keys.SharedCount), ffnNorm: "post_attention_norm");
    });


    // Experts in each step-th layer behind the leading ones.
    private static ModelSpec ErnieMoe(Keys keys, Tensors tensors)
    {
        int step = keys.Count("interleave_moe_layer_step", 1 << 12);
        return tensors.Decoder(il => tensors.Pre(
            il, tensors.Attention(il, keys.Attention(il, RopeType.Norm)),
            (il + 1) % step != 0 ? tensors.Gated(il, Activation.Silu)
                : Feed(keys, tensors, il, keys.Router(il, Gating.Softmax, true), keys.ExpertWidth(il), keys.SharedWidth(il, 0))));
    }


    private static ModelSpec HunyuanV3(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        int width = keys.ExpertWidthOrShare(il);
        IFeedForwardSpec ffn = tensors.Has(il, "ffn_gate_inp")
            ? WithShared(tensors, il, tensors.Experts(il, keys.Router(il, Gating.Sigmoid), Activation.Silu, width), Activation.Silu, keys.SharedWidth(il, width))
            : tensors.Gated(il, Activation.Silu);
        return tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.Rms), ffn);
    });
}
