namespace Edge.Llm.Models.Architectures;

/// <summary>OLMo 1 to 3 and EXAONE 4.</summary>
internal static class Olmo
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("olmo", "OLMo 1", Olmo1),
        new("olmo2", "OLMo 2, OLMo 3", Olmo2),
        new("exaone4", "EXAONE 4, 4.5", Exaone4),
    ];

    // Norms have no weights.
    private static ModelSpec Olmo1(Keys keys, Tensors tensors)
    {
        var norm = new Norm(NormKind.Layer, null, null, keys.LayerNormEpsilon);
        float clamp = keys.NonNegative("attention.clamp_kqv", 0);
        return tensors.Decoder(
            il => new LayerSpec(
                Topology.Pre, norm, tensors.Attention(il, keys.Attention(il, RopeType.Norm) with { ClampQkv = clamp }),
                norm, tensors.Gated(il, Activation.Silu)),
            outputNorm: norm);
    }

    // OLMo 3 has a window in three of four layers, which alone are not stretched.
    private static ModelSpec Olmo2(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        return tensors.Decoder(il =>
        {
            AttentionConfig attention = keys.Attention(il, RopeType.Neox);
            if (window < int.MaxValue && keys.HasWindow(il, 4)) attention = attention with { Window = window, Rope = Keys.Plain(attention.Rope!) };
            return tensors.Post(il, tensors.Attention(il, attention, QkNorm.Rms), tensors.Gated(il, Activation.Silu));
        });
    }

    // The large one, of 64 layers, has a window in three of four layers, and rotates in these alone.
    private static ModelSpec Exaone4(Keys keys, Tensors tensors)
    {
        bool windows = keys.LayerCount == 64;
        int window = keys.Window(4096);
        return tensors.Decoder(il =>
        {
            bool local = windows && keys.HasWindow(il, 4);
            AttentionConfig attention = keys.Attention(il, local || !windows ? RopeType.Neox : null);
            if (local) attention = attention with { Window = window, Rope = keys.WindowRope(attention.Rope!) };
            return tensors.Post(il, tensors.Attention(il, attention, QkNorm.Rms), tensors.Gated(il, Activation.Silu));
        });
    }
}
