namespace Edge.Llm.Models;

/// <summary>Which values of a head the rotary embedding pairs.</summary>
internal enum RopeType
{
    /// <summary>Neighbours: (2i, 2i + 1).</summary>
    Norm,

    /// <summary>Halves: (i, i + n/2).</summary>
    Neox,
}

/// <summary>How rotary angles are stretched beyond the context a model was trained with.</summary>
internal sealed record RopeConfig
{
    /// <summary>Which values are paired.</summary>
    public required RopeType Type { get; init; }

    /// <summary>Values of a head that are rotated (n_rot).</summary>
    public required int Dimensions { get; init; }

    /// <summary>Pair i turns by position * FreqBase^(-2i / Dimensions).</summary>
    public required float FreqBase { get; init; }

    /// <summary>Factor on positions: 1 / the file's scaling factor.</summary>
    public float FreqScale { get; init; } = 1;

    /// <summary>YaRN: how much of the unscaled angle the fast pairs keep; 0 is linear scaling, 1 is YaRN.</summary>
    public float ExtFactor { get; init; }

    /// <summary>Factor on cos and sin; with YaRN, 1 + 0.1 ln(1 / FreqScale) joins it.</summary>
    public float AttnFactor { get; init; } = 1;

    /// <summary>YaRN: pairs that turn more often than this within the original context are not scaled.</summary>
    public float BetaFast { get; init; } = 32;

    /// <summary>YaRN: pairs that turn less often than this are scaled in full.</summary>
    public float BetaSlow { get; init; } = 1;

    /// <summary>YaRN: the context length before scaling.</summary>
    public int OriginalContextLength { get; init; }
}

/// <summary>The hyper-parameters of a model, under GGUF's names.</summary>
internal sealed record ModelConfig
{
    /// <summary>general.architecture.</summary>
    public required string Architecture { get; init; }

    /// <summary>Tokens in the vocabulary.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Tokens of context it was made for.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Values a token (n_embd).</summary>
    public required int EmbeddingLength { get; init; }

    /// <summary>Layers (n_layer).</summary>
    public required int BlockCount { get; init; }

    /// <summary>Inner width of the feed-forward network (n_ff).</summary>
    public required int FeedForwardLength { get; init; }

    /// <summary>Query heads (n_head).</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key and value heads (n_head_kv): each serves HeadCount / HeadCountKv query heads.</summary>
    public required int HeadCountKv { get; init; }

    /// <summary>Values in a head of queries and keys.</summary>
    public required int KeyLength { get; init; }

    /// <summary>Values in a head of values.</summary>
    public required int ValueLength { get; init; }

    /// <summary>Epsilon of RMSNorm.</summary>
    public required float LayerNormRmsEpsilon { get; init; }

    /// <summary>Factor on attention scores.</summary>
    public required float AttentionScale { get; init; }

    /// <summary>Positions that a token looks back over; int.MaxValue without a sliding window.</summary>
    public int SlidingWindow { get; init; } = int.MaxValue;

    /// <summary>Rotary embedding.</summary>
    public required RopeConfig Rope { get; init; }
}
