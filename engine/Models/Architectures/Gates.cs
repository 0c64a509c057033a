namespace Edge.Llm.Models.Architectures;

/// <summary>Architectures with a gate on attention, a norm within a branch, or an activation of their own.</summary>
internal static class Gates
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("apertus", "Apertus", Apertus),
        new("bitnet", "BitNet b1.58", BitNet),
        new("spark2_5", "Spark 2.5", Spark),
        new("muse-glimmer", "Muse Glimmer", Muse),
    ];

    private static ModelSpec Apertus(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.Rms), tensors.Plain(il, keys.Xielu(il))));

    private static ModelSpec BitNet(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Neox);
        return tensors.Pre(
            il,
            tensors.Attention(il, attention) with
            {
                OutputIn = tensors.Norm(NormKind.Rms, $"blk.{il}.attn_sub_norm", attention.HeadCount * attention.ValueLength),
            },
            tensors.Gated(il, Activation.Silu) with { DownIn = tensors.Norm(NormKind.Rms, $"blk.{il}.ffn_sub_norm", keys.FeedForwardLength(il)) });
    });

    private static ModelSpec Spark(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(il =>
        {
            AttentionConfig attention = keys.Attention(il, RopeType.Neox);
            if (keys.FlagOf(il, "attention.sliding_window_pattern")) attention = attention with { Window = window, Rope = keys.WindowRope(attention.Rope!) };
            return tensors.Pre(il, tensors.Attention(il, attention) with { Gate = tensors.AttentionGate(il, attention) }, tensors.Gated(il, Activation.Gelu));
        });
    }

    // Layers with a window rotate. Norms of embeddings have no weights, those of the branches an epsilon of their own.
    private static ModelSpec Muse(Keys keys, Tensors tensors)
    {
        const float PostEpsilon = 1e-8f;
        int window = keys.Window();
        ModelSpec model = tensors.Decoder(
            il =>
            {
                bool local = window < int.MaxValue && keys.HasWindow(il, 4);
                AttentionConfig attention = keys.Attention(il, local ? RopeType.Norm : null) with { Window = local ? window : int.MaxValue };
                LayerSpec layer = tensors.Sandwich(
                    il, tensors.Attention(il, attention, QkNorm.Rms) with { Gate = tensors.AttentionGate(il, attention) }, tensors.Gated(il, Activation.Silu));
                return layer with { AfterMixer = layer.AfterMixer! with { Epsilon = PostEpsilon }, AfterFfn = layer.AfterFfn! with { Epsilon = PostEpsilon } };
            },
            embedding: e => e with { Norm = new Norm(NormKind.Rms, null, null, keys.RmsEpsilon) }, logitScale: keys.Positive("logit_scale", 1));
        return model with { FinalSoftcap = keys.NonNegative("final_logit_softcapping", 0) };
    }
}
