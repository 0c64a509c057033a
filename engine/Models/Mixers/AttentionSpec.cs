using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The numbers of multi-head attention with grouped queries.</summary>
internal sealed record AttentionConfig
{
    /// <summary>Query heads (n_head).</summary>
    public required int HeadCount { get; init; }

    /// <summary>Heads of keys and values (n_head_kv): each serves HeadCount / HeadCountKv query heads.</summary>
    public required int HeadCountKv { get; init; }

    /// <summary>Values in a head of queries and keys.</summary>
    public required int KeyLength { get; init; }

    /// <summary>Values in a head of values.</summary>
    public required int ValueLength { get; init; }

    /// <summary>Factor on the scores.</summary>
    public required float Scale { get; init; }

    /// <summary>Bound of the scores: c * tanh(score / c). 0: none.</summary>
    public float Softcap { get; init; }

    /// <summary>Positions that a token looks back over; int.MaxValue without a sliding window.</summary>
    public int Window { get; init; } = int.MaxValue;

    /// <summary>Whether tokens see those behind them as well, within half a window; a text is one batch then.</summary>
    public bool BothDirections { get; init; }

    /// <summary>Whether the window is a chunk: a token sees none before the last multiple of its length.</summary>
    public bool Chunked { get; init; }

    /// <summary>Rotary embedding of queries and keys; null: none.</summary>
    public required RopeConfig? Rope { get; init; }

    /// <summary>What scores get by distance; null: nothing.</summary>
    public PositionBias? Bias { get; init; }

    /// <summary>Whether the norms of queries and keys come after the rotation, not before.</summary>
    public bool NormAfterRope { get; init; }

    /// <summary>Queries, keys and values stay within -c..c. 0: any.</summary>
    public float ClampQkv { get; init; }

    /// <summary>Factor on the queries by their position; null: none.</summary>
    public Temperature? Temperature { get; init; }

    /// <summary>What makes factors of the gate's values.</summary>
    public Elementwise GateFunction { get; init; } = Elementwise.Sigmoid;
}

/// <summary>A factor on queries that grows with the position: 1 + Scale * ln(floor((position + Offset) / Length) + 1).</summary>
internal sealed record Temperature(float Scale, int Offset, int Length)
{
    /// <summary>The factor at a position.</summary>
    public float At(int position) => (float)(1 + (Scale * DoubleMath.Log(((position + (long)Offset) / Length) + 1)));
}

/// <summary>Multi-head attention: its numbers and matrices.</summary>
/// <param name="Config">The numbers.</param>
/// <param name="Q">Queries; with a gate in the queries, each head's gate behind it.</param>
/// <param name="K">Keys; null: another layer's are read.</param>
/// <param name="V">Values; null: the keys before norm and rotation.</param>
/// <param name="Output">The result.</param>
internal sealed record AttentionSpec(AttentionConfig Config, Linear Q, Linear? K, Linear? V, Linear Output) : IMixerSpec
{
    /// <summary>The layer whose keys and values are read; null: its own.</summary>
    public int? CacheOf { get; init; }

    /// <summary>Norm of the queries, of heads or of all at once; null: none.</summary>
    public Norm? QNorm { get; init; }

    /// <summary>Norm of the keys.</summary>
    public Norm? KNorm { get; init; }

    /// <summary>Norm of the heads of values.</summary>
    public Norm? VNorm { get; init; }

    /// <summary>A score for each head that joins the sum but not the output; null: none.</summary>
    public Tensor? Sinks { get; init; }

    /// <summary>Factors on the attention's values, or on its heads; null: none.</summary>
    public Linear? Gate { get; init; }

    /// <summary>Norm of what enters the output matrix; null: none.</summary>
    public Norm? OutputIn { get; init; }

    /// <summary>Whether each head of the queries has its gate behind it.</summary>
    public bool GateInQ => Q.OutputLength == 2 * Config.HeadCount * Config.KeyLength;

    /// <summary>The packed forms of the products' input.</summary>
    public InputFormats Input => Q.Input | (K?.Input ?? 0) | (V?.Input ?? 0) | (Gate?.Input ?? 0);

    /// <summary>Keys and values.</summary>
    public LayerMemory Memory => CacheOf is not null ? default : new(new KvRows(Config.HeadCountKv, Config.KeyLength, Config.ValueLength, Config.Window));

    /// <summary>About 64 query rows share each pass over the cache.</summary>
    public int MaxRun => Math.Clamp(64 / (Config.HeadCount / Config.HeadCountKv), 8, 64);

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new Attention(this, making);
}
