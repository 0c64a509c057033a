namespace Edge.Llm.Models.Architectures;

/// <summary>LLaMA: Llama 1 to 3, Mistral and many others that are stored under its name.</summary>
internal static class Llama
{
    /// <summary>The table row.</summary>
    public static readonly Architecture Architecture = new("llama", Read);

    private static ModelSpec Read(Keys keys, Tensors tensors)
    {
        keys.RefuseExperts();
        AttentionConfig attention = keys.Attention(RopeType.Norm, tensors);
        int embd = keys.EmbeddingLength, ff = keys.FeedForwardLength;
        float epsilon = keys.RmsEpsilon;
        return tensors.Decoder(keys, il => new LayerSpec(
            Topology.Pre,
            tensors.RmsNorm($"blk.{il}.attn_norm", embd, epsilon), tensors.Attention(il, attention, embd),
            tensors.RmsNorm($"blk.{il}.ffn_norm", embd, epsilon), tensors.Gated(il, embd, ff)));
    }
}
