namespace Edge.Llm.Models.Architectures;

/// <summary>GLM-4, and Hunyuan, whose files may rotate in sections as well.</summary>
internal static class Glm
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("glm4", "GLM-4-0414, GLM-4.1V", Glm4),
        new("hunyuan-dense", "Hunyuan 0.5B to 7B", Hunyuan),
        new("hunyuan_vl", "HunyuanOCR", Hunyuan),
    ];

    private static ModelSpec Glm4(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, keys.Has("rope.dimension_sections") ? RopeType.Neox : RopeType.Norm);
        attention = attention with { Rope = keys.Sections(attention.Rope!, interleaved: false) };
        return tensors.Sandwich(il, tensors.Attention(il, attention), tensors.Gated(il, Activation.Silu));
    });

    // Contexts were stretched by a larger base.
    private static ModelSpec Hunyuan(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Neox);
        RopeConfig rope = keys.Sections(keys.WithAlpha(attention.Rope!, attention.KeyLength), interleaved: false);
        return tensors.Pre(il, tensors.Attention(il, attention with { Rope = rope, NormAfterRope = true }, QkNorm.Rms), tensors.Gated(il, Activation.Silu));
    });
}
