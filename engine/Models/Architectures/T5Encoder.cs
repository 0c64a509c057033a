using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>The encoder of T5: scores are not scaled, and get a bias by distance.</summary>
internal static class T5Encoder
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } = [new("t5encoder", "T5, FLAN-T5, sentence-t5 encoders", Read)];

    private static ModelSpec Read(Keys keys, Tensors tensors)
    {
        PositionBias? bias = null;
        return tensors.Encoder(
            il =>
            {
                string prefix = $"enc.blk.{il}.";
                int embd = keys.EmbeddingLength, ff = keys.FeedForwardLength(il);
                AttentionConfig config = keys.Attention(il, null) with { BothDirections = true, Scale = 1 };
                int q = config.HeadCount * config.KeyLength, k = config.HeadCountKv * config.KeyLength, v = config.HeadCountKv * config.ValueLength;
                if (il == 0)
                {
                    int buckets = keys.Count("attention.relative_buckets_count", 1 << 12);
                    if (buckets % 4 != 0) throw keys.Invalid("attention.relative_buckets_count", "a multiple of 4", $"{buckets}");
                    bias = new BucketBias(config.HeadCount, tensors.FloatMatrix(prefix + "attn_rel_b.weight", config.HeadCount, buckets));
                }
                var attention = new AttentionSpec(
                    config with { Bias = bias }, tensors.Linear(prefix + "attn_q", embd, q), tensors.Linear(prefix + "attn_k", embd, k),
                    tensors.Linear(prefix + "attn_v", embd, v), tensors.Linear(prefix + "attn_o", config.HeadCount * config.ValueLength, embd));
                Linear up = tensors.Linear(prefix + "ffn_up", embd, ff), down = tensors.Linear(prefix + "ffn_down", ff, embd);
                IFeedForwardSpec ffn = tensors.Has(prefix + "ffn_gate.weight")
                    ? new GatedSpec(tensors.Linear(prefix + "ffn_gate", embd, ff), up, down, Activation.Gelu) : new PlainSpec(up, down, Activation.Relu);
                return new LayerSpec(
                    Topology.Pre, tensors.Norm(NormKind.Rms, prefix + "attn_norm"), attention, tensors.Norm(NormKind.Rms, prefix + "ffn_norm"), ffn);
            },
            e => e, tensors.Norm(NormKind.Rms, "enc.output_norm"));
    }

    // A learned bias for each of some ranges of distances, finer near by; half of the buckets look forward.
    private sealed record BucketBias(int Heads, Tensor Values) : PositionBias(Heads)
    {
        private const float FarthestDistance = 128;

        public override unsafe float Of(int head, int distance)
        {
            int half = (int)Values.Ne1 / 2, exact = half / 2, away = Math.Abs(distance), bucket = away;
            if (away >= exact)
            {
                float steps = (float)DoubleMath.Log((float)away / exact) * (half - exact) / (float)DoubleMath.Log(FarthestDistance / exact);
                bucket = Math.Min(half - 1, (int)MathF.Floor(exact + steps));
            }
            if (distance > 0) bucket += half;
            return ((float*)Values.Pointer)[(bucket * Values.Ne0) + head];
        }
    }
}
