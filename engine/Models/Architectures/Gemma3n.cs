namespace Edge.Llm.Models.Architectures;

/// <summary>Gemma 3n: four residual streams, a learned residual beside attention, inputs for each layer, sparse networks in the first layers.
/// Its numbers are not in its files.</summary>
internal static class Gemma3n
{
    private const int Streams = 4, PerLayer = 256, LaurelRank = 64, LayersWithCache = 20, SparseLayers = 10, Pattern = 5;
    private const float Sparsity = 1.6448533535003662f; // deviations that 5 % of a normal distribution exceed

    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } = [new("gemma3n", "Gemma 3n (E2B, E4B)", Read)];

    private static ModelSpec Read(Keys keys, Tensors tensors)
    {
        int embd = keys.EmbeddingLength;
        var streams = new StreamsSpec(
            tensors.ExpertMatrices("altup_proj", embd, embd, Streams - 1), tensors.ExpertMatrices("altup_unembd_proj", embd, embd, Streams - 1));
        ModelSpec model = tensors.Decoder(il => Layer(keys, tensors, il), embeddingScale: MathF.Sqrt(embd), perLayer: PerLayer);
        return model with { FinalSoftcap = 30, Streams = streams };
    }

    private static LayerSpec Layer(Keys keys, Tensors tensors, int il)
    {
        GatedSpec ffn = tensors.Gated(il, Activation.Gelu) with { Sparsity = il < SparseLayers ? Sparsity : 0 };
        LayerSpec layer = tensors.Sandwich(il, Attention(keys, tensors, il), ffn);
        return layer with
        {
            Mixer = Laurel(keys, tensors, il, layer), AfterMixer = null, SumScale = 1 / MathF.Sqrt(2), AltUp = AltUp(keys, tensors, il),
        };
    }

    private static AttentionSpec Attention(Keys keys, Tensors tensors, int il)
    {
        bool local = keys.HasWindow(il, Pattern);
        AttentionConfig config = keys.Attention(il, RopeType.Neox) with { Scale = 1 };
        if (local) config = config with { Window = keys.Window(), Rope = keys.PlainWindowRope(config.Rope!, 10000) };
        if (il >= LayersWithCache) return tensors.SharedAttention(il, config, LayersWithCache - (local ? 2 : 1));
        return tensors.Attention(il, config, QkNorm.Rms) with { VNorm = new Norm(NormKind.Rms, null, null, keys.RmsEpsilon) };
    }

    private static LaurelSpec Laurel(Keys keys, Tensors tensors, int il, LayerSpec layer) => new(
        layer.Mixer!, layer.AfterMixer!, tensors.Linear($"blk.{il}.laurel_l", keys.EmbeddingLength, LaurelRank),
        tensors.Linear($"blk.{il}.laurel_r", LaurelRank, keys.EmbeddingLength), tensors.RmsNorm(il, "laurel_post_norm"));

    private static AltUpSpec AltUp(Keys keys, Tensors tensors, int il)
    {
        int embd = keys.EmbeddingLength;
        string prefix = $"blk.{il}.";
        return new AltUpSpec(
            tensors.RmsNorm(il, "altup_router_norm"), tensors.Linear(prefix + "altup_router", embd, Streams) with { Scale = 1f / embd },
            tensors.Linear(prefix + "altup_predict_coef", Streams, Streams * Streams), tensors.Linear(prefix + "altup_correct_coef", Streams, Streams),
            tensors.Vector(prefix + "altup_correct_scale.weight", embd), tensors.LayerEnd(il, PerLayer));
    }
}
