namespace Edge.Llm.Models.Architectures;

/// <summary>Granite and MiniCPM: factors on embeddings, branches and logits.</summary>
internal static class Scaled
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("granite", "Granite 3, 4 dense", Granite),
        new("granitemoe", "Granite 3 MoE, Granite 4 tiny", GraniteMoe),
        new("granite_swa", "Granite with windows", GraniteWindows),
        new("minicpm", "MiniCPM 1, 2, 4", MiniCpm),
    ];

    private static ModelSpec Granite(Keys keys, Tensors tensors) =>
        Read(keys, tensors, il => Attention(keys, tensors, il, keys.Flag("rope.scaling.finetuned", true)), il => tensors.Gated(il, Activation.Silu));

    private static ModelSpec GraniteMoe(Keys keys, Tensors tensors) =>
        Read(keys, tensors, il => Attention(keys, tensors, il, rotates: true), il => Feed(keys, tensors, il));

    private static ModelSpec GraniteWindows(Keys keys, Tensors tensors)
    {
        int window = keys.Count("attention.sliding_window", 1 << 30);
        return Read(
            keys, tensors,
            il =>
            {
                AttentionSpec attention = Attention(keys, tensors, il, keys.FlagOf(il, "attention.rope_pattern"));
                attention = attention with { Sinks = tensors.Sinks(il, attention.Config) };
                if (!keys.FlagOf(il, "attention.sliding_window_pattern")) return attention;
                AttentionConfig config = attention.Config;
                return attention with { Config = config with { Window = window, Rope = config.Rope is null ? null : keys.WindowRope(config.Rope) } };
            },
            il => keys.ExpertCount == 0 ? tensors.Gated(il, Activation.Silu) : Feed(keys, tensors, il));
    }

    /// <summary>Experts as wide as feed_forward_length says, and a shared one if the file gives its width.</summary>
    public static ExpertsSpec Feed(Keys keys, Tensors tensors, int il)
    {
        int shared = keys.SharedWidth(il, 0);
        ExpertsSpec experts = tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.FeedForwardLength(il));
        return shared == 0 ? experts : experts with { Shared = tensors.SharedExpert(il, Activation.Silu, shared) };
    }

    /// <summary>Attention, whose factor on scores the file may give.</summary>
    public static AttentionSpec Attention(Keys keys, Tensors tensors, int il, bool rotates)
    {
        AttentionConfig attention = keys.Attention(il, rotates ? RopeType.Norm : null);
        return tensors.Attention(il, attention with { Scale = keys.Positive("attention.scale", attention.Scale) });
    }

    /// <summary>Granite around mixers and networks.</summary>
    public static ModelSpec Read(Keys keys, Tensors tensors, Func<int, IMixerSpec> mixer, Func<int, IFeedForwardSpec> ffn) => Read(
        keys, tensors, mixer, ffn, keys.Positive("embedding_scale", 1), keys.Positive("residual_scale", 1), keys.Positive("logit_scale", 1));

    private static ModelSpec MiniCpm(Keys keys, Tensors tensors) => Read(
        keys, tensors, il => Attention(keys, tensors, il, rotates: true), il => Llama.Feed(keys, tensors, il), keys.Positive("embedding_scale", 12),
        keys.Positive("residual_scale", 1.4f / MathF.Sqrt(keys.LayerCount)), keys.Positive("logit_scale", 256f / keys.EmbeddingLength));

    private static ModelSpec Read(
        Keys keys, Tensors tensors, Func<int, IMixerSpec> mixer, Func<int, IFeedForwardSpec> ffn, float embeddings, float branches, float logits) =>
        tensors.Decoder(
            il => tensors.Pre(il, mixer(il), ffn(il)) with { ResidualScale = branches }, embeddingScale: embeddings, logitScale: 1 / logits);
}
