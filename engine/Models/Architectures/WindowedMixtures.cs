namespace Edge.Llm.Models.Architectures;

/// <summary>Experts with a shared one, on attention with a window in most layers.</summary>
internal static class WindowedMixtures
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("exaone-moe", "K-EXAONE", ExaoneMoe),
        new("afmoe", "Trinity", AfMoe),
        new("laguna", "Laguna", Laguna),
        new("llama4", "Llama 4 Scout, Maverick", Llama4),
        new("mimo2", "MiMo V2 Flash", MiMo2),
        new("step35", "Step 3.5 Flash", Step35),
    ];

    // Three of four layers have a window, and rotate; attention has a gate for each value.
    private static ModelSpec AfMoe(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(
            il =>
            {
                AttentionConfig attention = keys.Attention(il, il % 4 == 3 ? null : RopeType.Neox);
                if (window < int.MaxValue && keys.HasWindow(il, 4))
                    attention = attention with { Window = window, Rope = attention.Rope is null ? null : keys.WindowRope(attention.Rope) };
                return tensors.Sandwich(
                    il, tensors.Attention(il, attention, QkNorm.Rms) with { Gate = tensors.AttentionGate(il, attention) },
                    DeepSeekLike.Feed(keys, tensors, il, keys.Router(il, Gating.Sigmoid), keys.ExpertWidth(il), keys.ExpertWidth(il) * keys.SharedCount));
            },
            embeddingScale: MathF.Sqrt(keys.EmbeddingLength));
    }

    // Layers with a window rotate by numbers of their own; attention has a softplus gate.
    private static ModelSpec Laguna(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(il =>
        {
            AttentionConfig attention = keys.Attention(il, RopeType.Neox) with { GateFunction = Kernels.Elementwise.Softplus };
            if (window < int.MaxValue && keys.HasWindow(il, 4, fullFirst: true))
            {
                RopeConfig rope = keys.Has("rope.dimension_count_swa")
                    ? keys.Rope(RopeType.Neox, attention.KeyLength, "rope.dimension_count_swa") : attention.Rope!;
                attention = attention with { Window = window, Rope = keys.PlainWindowRope(rope, rope.FreqBase) };
            }
            int width = keys.ExpertWidth(il);
            return tensors.Pre(
                il, tensors.Attention(il, attention, QkNorm.Rms) with { Gate = tensors.AttentionGate(il, attention) },
                DeepSeekLike.Feed(keys, tensors, il, keys.Router(il, Gating.Sigmoid), width, keys.SharedWidth(il, width * Math.Max(1, keys.SharedCount))));
        });
    }

    // Three of four layers see a chunk, and rotate; the others' queries grow with the position. Weights multiply the experts' inputs.
    private static ModelSpec Llama4(Keys keys, Tensors tensors)
    {
        const int Chunk = 8192, LargestNormed = 128;
        int step = keys.Count("interleave_moe_layer_step", 1 << 12);
        return tensors.Decoder(il =>
        {
            bool local = keys.HasWindow(il, 4);
            AttentionConfig attention = keys.Attention(il, local ? RopeType.Norm : null) with { NormAfterRope = true };
            attention = local
                ? attention with { Window = Chunk, Chunked = true } : attention with { Temperature = new Temperature(0.1f, 1, Chunk) };
            IFeedForwardSpec ffn = (il + 1) % step != 0
                ? tensors.Gated(il, Activation.Silu)
                : tensors.Experts(il, keys.Router(il, Gating.Sigmoid, false) with { ChooseByLogit = true }, Activation.Silu, keys.ExpertWidth(il)) with
                {
                    WeighsInput = true, Shared = tensors.SharedExpert(il, Activation.Silu, keys.ExpertWidth(il)),
                };
            return tensors.Pre(il, tensors.Attention(il, attention, local && keys.ExpertCount != LargestNormed ? QkNorm.Weightless : QkNorm.None), ffn);
        });
    }

    private static ModelSpec MiMo2(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        float scale = keys.Positive("attention.value_scale", 1);
        return tensors.Decoder(il =>
        {
            AttentionConfig config = keys.Attention(il, RopeType.Neox);
            if (keys.FlagOf(il, "attention.sliding_window_pattern"))
                config = config with { Window = window, Rope = keys.PlainWindowRope(config.Rope!, 10000) };
            AttentionSpec attention = tensors.Attention(il, config);
            attention = attention with { Output = attention.Output with { Scale = attention.Output.Scale * scale }, Sinks = tensors.Sinks(il, config) };
            IFeedForwardSpec ffn = tensors.Has(il, "ffn_gate_inp")
                ? tensors.Experts(il, keys.Router(il, Gating.Sigmoid, true), Activation.Silu, keys.ExpertWidth(il)) : tensors.Gated(il, Activation.Silu);
            return tensors.Pre(il, attention, ffn);
        });
    }

    // Full layers rotate half of what the file says. Some layers clamp their experts, some the dense network and the shared expert.
    private static ModelSpec Step35(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(il =>
        {
            AttentionConfig config = keys.Attention(il, RopeType.Neox);
            config = keys.FlagOf(il, "attention.sliding_window_pattern")
                ? config with { Window = window, Rope = keys.PlainWindowRope(config.Rope!, 10000) with { Factors = [] } }
                : config with { Rope = config.Rope! with { Dimensions = config.Rope.Dimensions / 2 } };
            Activation experts = Activation.SiluClamped(keys.Number(il, "swiglu_clamp_exp")), dense = Activation.SiluClamped(keys.Number(il, "swiglu_clamp_shexp"));
            IFeedForwardSpec ffn = tensors.Has(il, "ffn_gate_inp")
                ? DeepSeekLike.WithShared(tensors, il, tensors.Experts(il, keys.Router(il, Gating.Sigmoid), experts, keys.ExpertWidth(il)), dense, keys.SharedWidth(il, 0))
                : tensors.Gated(il, dense);
            return tensors.Pre(il, tensors.Attention(il, config, QkNorm.OptionalRms) with { Gate = tensors.AttentionGate(il, config) }, ffn);
        });
    }

    // Layers with a window rotate.
    private static ModelSpec ExaoneMoe(Keys keys, Tensors tensors)
    {
        int window = keys.Count("attention.sliding_window", 1 << 30);
        return tensors.Decoder(il =>
        {
            bool local = keys.HasWindow(il, 4);
            AttentionConfig attention = keys.Attention(il, local ? RopeType.Neox : null);
            if (local) attention = attention with { Window = window, Rope = keys.WindowRope(attention.Rope!) };
            return tensors.Pre(
                il, tensors.Attention(il, attention, QkNorm.Rms),
                DeepSeekLike.Feed(keys, tensors, il, keys.Router(il, null), keys.ExpertWidth(il), keys.SharedWidth(il, keys.ExpertWidth(il))));
        });
    }
}
