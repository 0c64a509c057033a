using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>Encoders: every token of a text sees all others.</summary>
internal static class Encoders
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("bert", "BGE, MiniLM, mxbai, arctic-embed, e5, bge-m3, XLM-R rerankers", Bert),
        new("nomic-bert", "nomic-embed 1, 1.5", NomicBert),
        new("nomic-bert-moe", "nomic-embed 2", NomicBertMoe),
        new("jina-bert-v2", "jina-embeddings 2, jina reranker 1", JinaV2),
        new("jina-bert-v3", "jina-embeddings 3", JinaV3),
        new("modern-bert", "ModernBERT, gte-modernbert, granite-embedding R2", ModernBert),
        new("neo-bert", "NeoBERT", NeoBert),
        new("eurobert", "EuroBERT", EuroBert),
        new("gemma-embedding", "EmbeddingGemma", GemmaEmbedding),
    ];

    private static AttentionConfig Attention(Keys keys, int il, RopeType? rope) => keys.Attention(il, rope) with { BothDirections = true };

    // x = norm(x + A(x)), then x = norm(x + F(x)).
    private static LayerSpec AfterSum(Tensors tensors, int il, AttentionSpec attention, IFeedForwardSpec ffn) => new(
        Topology.AfterSum, null, attention, null, ffn, tensors.LayerNorm(il, "attn_output_norm"), tensors.LayerNorm(il, "layer_output_norm"));

    private static ModelSpec Bert(Keys keys, Tensors tensors) => tensors.Encoder(
        il => AfterSum(tensors, il, tensors.Attention(il, Attention(keys, il, null)), tensors.Plain(il, Activation.Gelu)),
        e => tensors.WithTypeAndNorm(e) with { Positions = tensors.Positions() });

    // Biases of the network are in the files, and have no use.
    private static ModelSpec NomicBert(Keys keys, Tensors tensors) => tensors.Encoder(
        il =>
        {
            GatedSpec ffn = tensors.Gated(il, Activation.Silu);
            static Linear Plain(Linear linear) => linear with { Bias = null };
            return AfterSum(
                tensors, il, tensors.Attention(il, Attention(keys, il, RopeType.Neox)),
                new GatedSpec(Plain(ffn.Gate), Plain(ffn.Up), Plain(ffn.Down), ffn.Activation));
        },
        tensors.WithTypeAndNorm);

    private static ModelSpec NomicBertMoe(Keys keys, Tensors tensors)
    {
        int step = keys.Count("moe_every_n_layers", 1 << 12, 0);
        return tensors.Encoder(
            il =>
            {
                IFeedForwardSpec ffn = step > 0 && il % step == 1
                    ? tensors.Experts(il, keys.Router(il, Gating.Softmax, false), Activation.Gelu, keys.FeedForwardLength(il), gated: false)
                    : tensors.Plain(il, Activation.Gelu);
                return AfterSum(tensors, il, tensors.Attention(il, Attention(keys, il, RopeType.Neox)), ffn);
            },
            tensors.WithTypeAndNorm);
    }

    // Some layers norm the sum with their input once more.
    private static ModelSpec JinaV2(Keys keys, Tensors tensors) => tensors.Encoder(
        il =>
        {
            AttentionConfig attention = Attention(keys, il, null);
            attention = attention with { Bias = new Alibi(attention.HeadCount, 8) };
            IFeedForwardSpec ffn = tensors.HasGate(il) ? tensors.Gated(il, Activation.Gelu) : tensors.Plain(il, Activation.Gelu);
            LayerSpec layer = AfterSum(tensors, il, tensors.Attention(il, attention, QkNorm.OptionalLayer), ffn);
            return tensors.Has(il, "attn_norm_2") ? layer with { WithInput = tensors.LayerNorm(il, "attn_norm_2") } : layer;
        },
        tensors.WithTypeAndNorm);

    private static ModelSpec JinaV3(Keys keys, Tensors tensors) => tensors.Encoder(
        il => AfterSum(tensors, il, tensors.Attention(il, Attention(keys, il, RopeType.Neox)), tensors.Plain(il, Activation.Gelu)),
        tensors.WithTypeAndNorm);

    // One of three layers sees all, the others half a window to each side. The first has no norm before attention.
    private static ModelSpec ModernBert(Keys keys, Tensors tensors)
    {
        int window = keys.Window();
        Activation activation = keys.Text("hidden_activation", "gelu") == "silu" ? Activation.Silu : Activation.Gelu;
        ModelSpec model = tensors.Encoder(
            il =>
            {
                AttentionConfig attention = Attention(keys, il, RopeType.Neox);
                if (window < int.MaxValue && keys.HasWindow(il, 3, fullFirst: true))
                    attention = attention with { Window = (window / 2) + 1, Rope = keys.PlainWindowRope(attention.Rope!, 10000) };
                return new LayerSpec(
                    Topology.Pre, tensors.Has(il, "attn_norm") ? tensors.LayerNorm(il, "attn_norm") : null, tensors.Attention(il, attention),
                    tensors.LayerNorm(il, "ffn_norm"), tensors.Gated(il, activation));
            },
            e => e with { Norm = tensors.Norm(NormKind.Layer, "token_embd_norm") }, tensors.Norm(NormKind.Layer, "output_norm"));
        return model with { Pooling = model.Pooling.ScoringBy(Pooling.Mean, Elementwise.Gelu) };
    }

    private static ModelSpec NeoBert(Keys keys, Tensors tensors) => tensors.Encoder(
        il => tensors.Pre(il, tensors.Attention(il, Attention(keys, il, RopeType.Norm)), tensors.Gated(il, Activation.Silu)),
        e => e, tensors.Norm(NormKind.Rms, "enc.output_norm"));

    private static ModelSpec EuroBert(Keys keys, Tensors tensors) => tensors.Encoder(
        il => tensors.Pre(il, tensors.Attention(il, Attention(keys, il, RopeType.Neox)), tensors.Gated(il, Activation.Silu)),
        e => e, tensors.Norm(NormKind.Rms, "output_norm"));

    private static ModelSpec GemmaEmbedding(Keys keys, Tensors tensors)
    {
        int window = keys.Count("attention.sliding_window", 1 << 30);
        return tensors.Encoder(
            il =>
            {
                AttentionConfig attention = Attention(keys, il, RopeType.Neox);
                if (keys.HasWindow(il, 6)) attention = attention with { Window = (window / 2) + 1, Rope = keys.PlainWindowRope(attention.Rope!, 10000) };
                return tensors.Sandwich(il, tensors.Attention(il, attention, QkNorm.Rms), tensors.Gated(il, Activation.Gelu));
            },
            e => e with { Scale = MathF.Sqrt(keys.EmbeddingLength) }, tensors.Norm(NormKind.Rms, "output_norm"));
    }
}
