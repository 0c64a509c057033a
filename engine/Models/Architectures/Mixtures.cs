namespace Edge.Llm.Models.Architectures;

/// <summary>Mixtures of experts in every layer, on the attention of a dense architecture.</summary>
internal static class Mixtures
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("qwen2moe", "Qwen1.5-MoE, Qwen2-57B", Qwen2Moe),
        new("qwen3moe", "Qwen3-30B, 235B, Coder", (keys, tensors) => Qwen3Moe(keys, tensors, sections: false)),
        new("qwen3vlmoe", "Qwen3-VL, Omni", (keys, tensors) => Qwen3Moe(keys, tensors, sections: true)),
        new("phimoe", "Phi-3.5-MoE, Phi-mini-MoE", PhiMoe),
        new("olmoe", "OLMoE", OlMoe),
        new("dbrx", "DBRX", Dbrx),
        new("hunyuan-moe", "Hunyuan A13B", HunyuanMoe),
        new("minimax-m2", "MiniMax M2, M2.1, M2.5", MiniMaxM2),
        new("gpt-oss", "gpt-oss 20B, 120B", GptOss),
        new("mellum", "Mellum 2", Mellum),
        new("maple", "Maple", Maple),
        new("smallthinker", "SmallThinker", SmallThinker),
    ];

    // The shared expert has a gate.
    private static ModelSpec Qwen2Moe(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        ExpertsSpec experts = tensors.Experts(il, keys.Router(il, Gating.Softmax, false), Activation.Silu, keys.ExpertWidthOrShare(il)) with
        {
            Shared = tensors.SharedExpert(il, Activation.Silu, keys.SharedWidth(il, keys.FeedForwardLength(il))), SharedGate = tensors.SharedGate(il),
        };
        return tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)), experts);
    });

    private static ModelSpec Qwen3Moe(Keys keys, Tensors tensors, bool sections) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Neox);
        if (sections) attention = attention with { Rope = keys.Sections(attention.Rope!, interleaved: true) };
        return tensors.Pre(
            il, tensors.Attention(il, attention, QkNorm.Rms),
            tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.ExpertWidthOrShare(il)));
    });

    private static ModelSpec PhiMoe(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)),
        tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.FeedForwardLength(il))));

    private static ModelSpec OlMoe(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.Rms),
        tensors.Experts(il, keys.Router(il, Gating.Softmax, false), Activation.Silu, keys.FeedForwardLength(il))));

    private static ModelSpec Dbrx(Keys keys, Tensors tensors) => tensors.Decoder(
        il => tensors.Pre(
            il, tensors.Attention(il, keys.Attention(il, RopeType.Neox) with { ClampQkv = keys.Positive("attention.clamp_kqv") }),
            tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.FeedForwardLength(il)), NormKind.Layer, "attn_output_norm"),
        NormKind.Layer);

    // The experts are as wide as feed_forward_length says; their own key must be there and is not used.
    private static ModelSpec HunyuanMoe(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        keys.ExpertWidth(il);
        int width = keys.FeedForwardLength(il);
        AttentionConfig attention = keys.Attention(il, RopeType.Neox) with { NormAfterRope = true };
        return tensors.Pre(il, tensors.Attention(il, attention, QkNorm.Rms), tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, width) with
        {
            Shared = tensors.SharedExpert(il, Activation.Silu, keys.SharedWidth(il, width)),
        });
    });

    private static ModelSpec MiniMaxM2(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.Rms),
        tensors.Experts(il, keys.Router(il, null) with { Normalize = true, Scale = 1 }, Activation.Silu, keys.FeedForwardLength(il))));

    // Every second layer has a window.
    private static ModelSpec GptOss(Keys keys, Tensors tensors)
    {
        int window = keys.Count("attention.sliding_window", 1 << 30);
        return tensors.Decoder(il =>
        {
            AttentionConfig attention = keys.Attention(il, RopeType.Neox);
            if (keys.HasWindow(il, 2)) attention = attention with { Window = window, Rope = keys.WindowRope(attention.Rope!) };
            return tensors.Pre(
                il, tensors.Attention(il, attention) with { Sinks = tensors.Sinks(il, attention) },
                tensors.Experts(il, keys.Router(il, Gating.SoftmaxOfChosen, false), Activation.SwiGluOai, keys.ExpertWidth(il)),
                ffnNorm: "post_attention_norm");
        });
    }

    // Layers with a window are never stretched.
    private static ModelSpec Mellum(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(il =>
        {
            AttentionConfig attention = keys.Attention(il, RopeType.Neox);
            if (window < int.MaxValue && keys.HasWindow(il, 4))
                attention = attention with { Window = window, Rope = keys.PlainWindowRope(attention.Rope!, attention.Rope!.FreqBase) };
            return tensors.Pre(
                il, tensors.Attention(il, attention, QkNorm.Rms),
                tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.ExpertWidthOrShare(il)));
        });
    }

    // Layers with a window rotate; experts may be clamped.
    private static ModelSpec Maple(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(il =>
        {
            bool local = keys.FlagOf(il, "attention.sliding_window_pattern");
            AttentionConfig attention = keys.Attention(il, local ? RopeType.Neox : null);
            if (local) attention = attention with { Window = window, Rope = keys.WindowRope(attention.Rope!) };
            Activation activation = Activation.ClampedSilu(keys.Number(il, "swiglu_clamp_exp"));
            return tensors.Pre(
                il, tensors.Attention(il, attention, QkNorm.Rms),
                tensors.Experts(il, keys.Router(il, Gating.Softmax, true), activation, keys.ExpertWidth(il)));
        });
    }

    // The router reads the layer's input. The window is 4096, whatever the file says; a model of four layers rotates in all.
    private static ModelSpec SmallThinker(Keys keys, Tensors tensors)
    {
        bool windows = keys.Window() < int.MaxValue && keys.LayerCount != 4;
        return tensors.Decoder(il =>
        {
            bool local = windows && keys.HasWindow(il, 4, fullFirst: true);
            AttentionConfig attention = keys.Attention(il, windows && !local ? null : RopeType.Neox);
            if (local) attention = attention with { Window = 4096, Rope = keys.WindowRope(attention.Rope!) };
            return tensors.Pre(il, tensors.Attention(il, attention), tensors.Experts(
                il, keys.Router(il, null) with { Normalize = true, Scale = 1 }, Activation.Relu, keys.ExpertWidthOrShare(il)) with { RoutesLayerInput = true });
        });
    }
}
