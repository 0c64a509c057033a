using Edge.Llm.Cache;

namespace Edge.Llm.Models;

/// <summary>A model as its file describes it: numbers, and tensors that are views of the file. Made once and shared by all contexts.</summary>
internal sealed record ModelSpec
{
    private static ulong s_count;

    /// <summary>A number that no other open file of this process has had: where its tensors lie, another one's may lie later.</summary>
    public ulong Number { get; } = Interlocked.Increment(ref s_count);

    /// <summary>general.architecture.</summary>
    public required string Architecture { get; init; }

    /// <summary>Tokens of context it was made for.</summary>
    public required int ContextLength { get; init; }

    /// <summary>What enters the layers.</summary>
    public required Embedding Embedding { get; init; }

    /// <summary>What is made of each token for each layer, besides; null: nothing.</summary>
    public PerLayerSpec? PerLayer { get; init; }

    /// <summary>Residual streams besides the first; null: none.</summary>
    public StreamsSpec? Streams { get; init; }

    /// <summary>The layers.</summary>
    public required LayerSpec[] Layers { get; init; }

    /// <summary>Norm before the output, or null.</summary>
    public required Norm? OutputNorm { get; init; }

    /// <summary>Logits; the token embedding itself in models that tie the two.</summary>
    public required Linear Output { get; init; }

    /// <summary>Whether it predicts tokens; false: it only makes vectors of texts.</summary>
    public bool HasLogits { get; init; } = true;

    /// <summary>What becomes of the vectors of a text's tokens.</summary>
    public required PoolingSpec Pooling { get; init; }

    /// <summary>The tensors that it multiplies with, by name; that of the embeddings among them.</summary>
    public required IReadOnlyDictionary<string, Tensor> Matrices { get; init; }

    /// <summary>Whether tokens see those behind them: a text is one batch then.</summary>
    public bool BothDirections => Layers.Any(layer => layer.Mixer is AttentionSpec { Config.BothDirections: true });

    /// <summary>Bound c of the logits: c * tanh(logit / c) takes a logit's place. 0: none.</summary>
    public float FinalSoftcap { get; init; }

    /// <summary>One row a token.</summary>
    public Tensor TokenEmbd => Embedding.Tokens;

    /// <summary>Tokens in the vocabulary.</summary>
    public int VocabSize => (int)TokenEmbd.Ne1;

    /// <summary>Values a token (n_embd).</summary>
    public int EmbeddingLength => (int)TokenEmbd.Ne0;

    /// <summary>Consecutive tokens of one sequence that every mixer takes at a time.</summary>
    public int MaxRun => Layers.Min(layer => layer.Mixer?.MaxRun ?? int.MaxValue);

    /// <summary>The heads of the first layer that has attention, or null.</summary>
    public AttentionConfig? Attention => Layers.Select(layer => layer.Mixer).OfType<AttentionSpec>().FirstOrDefault()?.Config;

    /// <summary>Whether positions turn by the divisors of long contexts (LongRoPE) in contexts of a size.</summary>
    public bool IsLong(int contextSize) => Layers.Any(layer => layer.Mixer switch
    {
        AttentionSpec { Config.Rope: { LongFactors: not null } rope } => contextSize > rope.OriginalContextLength,
        LatentSpec { Config.Rope: { LongFactors: not null } rope } => contextSize > rope.OriginalContextLength,
        _ => false,
    });

    /// <summary>Where the layers find what they remember.</summary>
    public CacheLayout CacheLayout(CacheSize size) => new([.. Layers.Select(layer => layer.Mixer?.Memory ?? default)], size);
}
