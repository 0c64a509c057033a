namespace Edge.Llm.Models;

/// <summary>Which values of a head the rotary embedding pairs.</summary>
internal enum RopeType
{
    /// <summary>Neighbours: (2i, 2i + 1).</summary>
    Norm,

    /// <summary>Halves: (i, i + n/2).</summary>
    Neox,
}

/// <summary>A rotary embedding, and how its angles are stretched beyond the context a model was trained with.</summary>
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

    /// <summary>Factor on cos and sin.</summary>
    public double Magnitude { get; init; } = 1;

    /// <summary>YaRN: pairs that turn more often than this within the original context are not scaled.</summary>
    public float BetaFast { get; init; } = 32;

    /// <summary>YaRN: pairs that turn less often than this are scaled in full.</summary>
    public float BetaSlow { get; init; } = 1;

    /// <summary>YaRN: the context length before scaling.</summary>
    public int OriginalContextLength { get; init; }

    /// <summary>Divisors of the pairs' frequencies, or empty; infinity where a pair does not turn. Null: those of the file, if it has any.
    /// Two tables with equal numbers in different arrays count as different, which costs a fill and changes nothing.</summary>
    public float[]? Factors { get; init; }

    /// <summary>The divisors in contexts that are longer than <see cref="OriginalContextLength"/>, or null (LongRoPE).</summary>
    public float[]? LongFactors { get; init; }
}
