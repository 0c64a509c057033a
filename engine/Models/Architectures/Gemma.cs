namespace Edge.Llm.Models.Architectures;

/// <summary>Gemma 1 to 3.</summary>
internal static class Gemma
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("gemma", "Gemma, CodeGemma", Gemma1),
        new("gemma2", "Gemma 2", Gemma2),
        new("gemma3", "Gemma 3, MedGemma, TranslateGemma, FunctionGemma", Gemma3),
    ];

    private static ModelSpec Gemma1(Keys keys, Tensors tensors) => tensors.Decoder(
        il => tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)), tensors.Gated(il, Activation.Gelu)),
        embeddingScale: MathF.Sqrt(keys.EmbeddingLength));

    // Every second layer has a window.
    private static ModelSpec Gemma2(Keys keys, Tensors tensors)
    {
        int window = keys.Window(4096);
        float softcap = keys.Positive("attn_logit_softcapping", 50);
        ModelSpec model = tensors.Decoder(
            il =>
            {
                AttentionConfig attention = keys.Attention(il, RopeType.Neox);
                attention = attention with { Softcap = softcap, Scale = Scale(keys, attention, widest: 46) };
                if (keys.HasWindow(il, 2)) attention = attention with { Window = window, Rope = keys.WindowRope(attention.Rope!) };
                return tensors.Sandwich(il, tensors.Attention(il, attention), tensors.Gated(il, Activation.Gelu));
            },
            embeddingScale: MathF.Sqrt(keys.EmbeddingLength));
        return model with { FinalSoftcap = keys.Positive("final_logit_softcapping", 30) };
    }

    // Five of six layers have a window, and a rotation of their own that is never stretched.
    private static ModelSpec Gemma3(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        ModelSpec model = tensors.Decoder(
            il =>
            {
                AttentionConfig attention = keys.Attention(il, RopeType.Neox);
                attention = attention with { Scale = Scale(keys, attention, widest: 62) };
                if (window < int.MaxValue && keys.HasWindow(il, 6))
                    attention = attention with { Window = window, Rope = keys.PlainWindowRope(attention.Rope!, 10000) };
                return tensors.Sandwich(il, tensors.Attention(il, attention, QkNorm.Rms), tensors.Gated(il, Activation.Gelu));
            },
            embeddingScale: MathF.Sqrt(keys.EmbeddingLength));
        return model with { FinalSoftcap = keys.NonNegative("final_logit_softcapping", 0) };
    }

    // The widest model of each series, known by its layers, scales scores by its width, not by its heads'.
    private static float Scale(Keys keys, AttentionConfig attention, int widest) =>
        keys.LayerCount == widest ? 1 / MathF.Sqrt(keys.EmbeddingLength / attention.HeadCount) : attention.Scale;
}
