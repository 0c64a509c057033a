using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>Architectures with latent attention.</summary>
internal static class Latent
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("deepseek2", "DeepSeek V2, V2.5, V3, R1, Kimi K2, GLM-4.7-Flash, Mistral Large 3", DeepSeek2),
        new("mistral4", "Mistral Small 4", Mistral4),
        new("minicpm3", "MiniCPM 3", MiniCpm3),
        new("plm", "PLM", Plm),
    ];

    private static ModelSpec DeepSeek2(Keys keys, Tensors tensors) => DeepSeek(keys, tensors, rope => rope with { Magnitude = keys.Positive("rope.scaling.attn_factor", 1) });

    private static ModelSpec Mistral4(Keys keys, Tensors tensors) => DeepSeek(keys, tensors, rope => keys.WithLogMultiplier(rope, Tenth));

    private const float Tenth = 0.1f; // files have a tenth of the multiplier

    private static ModelSpec DeepSeek(Keys keys, Tensors tensors, Func<RopeConfig, RopeConfig> change)
    {
        RopeConfig rope = change(keys.Rope(RopeType.Norm, keys.LatentRopeLength));
        double t = rope.Magnitude * (1 + (0.1 * keys.LogMultiplier(Tenth) * Math.Max(0, DoubleMath.Log(1.0 / rope.FreqScale))));
        bool sigmoid = keys.LayerCount is 47 or 48 && tensors.VocabSize() == 154880; // GLM-4.7-Flash's first files do not say
        return tensors.Decoder(il =>
        {
            LatentConfig config = keys.LatentAttention(tensors.Has(il, "attn_k_b"), rope);
            config = config with
            {
                Scale = (float)(t * t) * config.Scale,
                Temperature = keys.Temperature(0, keys.Count("attention.temperature_length", 1 << 30, 1)),
            };
            int width = il < keys.LeadingDense ? 0 : keys.ExpertWidth(il);
            IFeedForwardSpec ffn = width == 0
                ? tensors.Gated(il, Activation.Silu)
                : DeepSeekLike.Feed(keys, tensors, il, keys.Router(il, sigmoid ? Gating.Sigmoid : Gating.Softmax), width, width * keys.SharedCount);
            return tensors.Pre(il, tensors.LatentAttention(il, config), ffn);
        });
    }

    // Its scales stand nowhere in the file.
    private static ModelSpec MiniCpm3(Keys keys, Tensors tensors)
    {
        RopeConfig rope = tensors.WithFactors(keys.Rope(RopeType.Neox, keys.LatentRopeLength));
        return tensors.Decoder(
            il => tensors.Pre(il, tensors.LatentAttention(il, keys.LatentAttention(absorbed: false, rope)), tensors.Gated(il, Activation.Silu)) with
            {
                ResidualScale = 1.4f / MathF.Sqrt(keys.LayerCount),
            },
            embeddingScale: 12, logitScale: 256f / keys.EmbeddingLength);
    }

    private static ModelSpec Plm(Keys keys, Tensors tensors)
    {
        RopeConfig rope = keys.Rope(RopeType.Norm, keys.LatentRopeLength);
        return tensors.Decoder(il => tensors.Pre(
            il, tensors.LatentAttention(il, keys.LatentAttention(absorbed: false, rope)), tensors.Plain(il, Activation.ReluSquared)));
    }
}
