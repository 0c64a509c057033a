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

    /// <summary>Positions that a token looks back over; int.MaxValue without a sliding window.</summary>
    public int Window { get; init; } = int.MaxValue;

    /// <summary>Rotary embedding of queries and keys; null: none.</summary>
    public required RopeConfig? Rope { get; init; }
}

/// <summary>Multi-head attention: its numbers and matrices.</summary>
internal sealed record AttentionSpec(AttentionConfig Config, Linear Q, Linear K, Linear V, Linear Output) : IMixerSpec
{
    /// <summary>The packed forms of q's, k's and v's input.</summary>
    public InputFormats Input { get; } = Q.Input | K.Input | V.Input;

    /// <summary>Keys and values.</summary>
    public LayerMemory Memory => new(new KvRows(Config.HeadCountKv, Config.KeyLength, Config.ValueLength, Config.Window));

    /// <summary>About 64 query rows share each pass over the cache.</summary>
    public int MaxRun => Math.Clamp(64 / (Config.HeadCount / Config.HeadCountKv), 8, 64);

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new Attention(this, making);
}

/// <summary>Multi-head attention: each token looks back over its own sequence in the cache.</summary>
internal sealed class Attention : IMixer
{
    private readonly AttentionSpec _spec;
    private readonly int _il;
    private readonly KvLayer _kv;
    private readonly RopeTable? _rope;
    private readonly FloatRows _q, _k, _v, _kqv;

    /// <summary>Claims its buffers.</summary>
    public Attention(AttentionSpec spec, LayerMaking making)
    {
        AttentionConfig c = spec.Config;
        Workspace workspace = making.Workspace;
        _spec = spec;
        _il = making.Index;
        _kv = making.Cache.Kv(making.Index);
        _rope = c.Rope is null ? null : making.Ropes.Of(c.Rope);
        _q = workspace.Rows(c.HeadCount * c.KeyLength);
        _k = workspace.Rows(c.HeadCountKv * c.KeyLength);
        _v = workspace.Rows(c.HeadCountKv * c.ValueLength);
        _kqv = workspace.Rows(c.HeadCount * c.ValueLength);
        foreach (Linear linear in (ReadOnlySpan<Linear>)[spec.Q, spec.K, spec.V, spec.Output]) workspace.ClaimInput(linear);
        workspace.ClaimScratch(AttentionArgs.ScratchBytes(
            Math.Min(workspace.BatchSize, spec.MaxRun), c.HeadCount / c.HeadCountKv, c.KeyLength, c.ValueLength));
    }

    /// <summary>y = output(softmax(q * keys * scale) * values).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows q = _q.First(h.Count), k = _k.First(h.Count), v = _v.First(h.Count), kqv = _kqv.First(h.Count);

        MatMul.Run(cpu, h, _spec.Q.To(q), _spec.K.To(k), _spec.V.To(v));
        if (_rope is not null)
        {
            RowOps.Rope(cpu, q, _spec.Config.KeyLength, _rope.Neox, _rope.Cos, _rope.Sin);
            RowOps.Rope(cpu, k, _spec.Config.KeyLength, _rope.Neox, _rope.Cos, _rope.Sin);
        }
        cpu.Trace("Qcur", _il, q);
        cpu.Trace("Kcur", _il, k);
        cpu.Trace("Vcur", _il, v);

        if (!CacheOps.Store(cpu, batch.Runs(_kv.Group), _kv, k, v)) ThrowNonFinite(_il);
        CacheOps.Attend(cpu, batch.Runs(_kv.Group), _kv, q, kqv, _spec.Config.Scale);
        cpu.Trace("kqv_out", _il, kqv);
        if (y.Count < h.Count) kqv = RowOps.KeepRows(kqv, batch.LogitsRows);
        MatMul.Run(cpu, kqv, _spec.Output.To(y));
    }

    private static void ThrowNonFinite(int il) =>
        throw new EdgeLlmException(ErrorCode.NonFinite, $"layer {il}: Kcur or Vcur holds a NaN or an infinity");
}
