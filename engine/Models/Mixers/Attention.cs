using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Multi-head attention: each token looks back over its own sequence in the cache.</summary>
internal sealed unsafe class Attention : IMixer
{
    private readonly AttentionSpec _spec;
    private readonly AttentionConfig _config;
    private readonly int _il;
    private readonly KvLayer _kv;
    private readonly RopeTable? _rope;
    private readonly Scoring _scoring;
    private readonly FloatRows _q, _k, _v, _gate, _qAndGate, _kqv;

    /// <summary>Claims its buffers.</summary>
    public Attention(AttentionSpec spec, LayerMaking making)
    {
        AttentionConfig c = spec.Config;
        Workspace workspace = making.Workspace;
        (_spec, _config, _il) = (spec, c, making.Index);
        _kv = making.Cache.Kv(spec.CacheOf ?? making.Index);
        _rope = c.Rope is null ? null : making.Ropes.Of(c.Rope);
        _scoring = new Scoring
        {
            BothDirections = c.BothDirections, Scale = c.Scale, Softcap = c.Softcap, Chunk = c.Chunked ? c.Window : 0, Sinks = spec.Sinks is { } sinks ? (float*)sinks.Pointer : null,
        };
        if (c.Bias is not null)
        {
            PositionBiases.Table bias = making.Biases.Of(c.Bias);
            _scoring.Bias = bias.Zero;
            _scoring.BiasStride = bias.Stride;
        }
        _q = workspace.Rows(c.HeadCount * c.KeyLength);
        _k = workspace.Rows(c.HeadCountKv * c.KeyLength);
        _v = workspace.Rows(c.HeadCountKv * c.ValueLength);
        _kqv = workspace.Rows(c.HeadCount * c.ValueLength);
        if (spec.GateInQ) _qAndGate = workspace.Rows(spec.Q.OutputLength);
        if (spec.GateInQ || spec.Gate is not null) _gate = workspace.Rows(spec.Gate?.OutputLength ?? _kqv.Width);
        foreach (Linear? linear in (ReadOnlySpan<Linear?>)[spec.Q, spec.K, spec.V, spec.Gate, spec.Output])
            if (linear is not null) workspace.ClaimInput(linear);
        workspace.ClaimScratch(AttentionArgs.ScratchBytes(
            Math.Min(workspace.BatchSize, spec.MaxRun), c.HeadCount / c.HeadCountKv, c.KeyLength, c.ValueLength));
    }

    /// <summary>y = output(softmax(q * keys * scale) * values).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows q = _q.First(h.Count), k = _k.First(h.Count), v = _v.First(h.Count), gate = _gate.First(h.Count), kqv = _kqv.First(h.Count);
        Project(cpu, h, q, k, v, gate);
        Mix(cpu, batch, q, k, v, kqv);
        if (gate.Data != null) ApplyGate(cpu, gate, kqv);
        if (y.Count < h.Count) kqv = RowOps.KeepRows(kqv, batch.LogitsRows);
        _spec.OutputIn?.Forward(cpu, kqv, kqv, _spec.Output.Input);
        MatMul.Run(cpu, kqv, _spec.Output.To(y));
    }

    /// <summary>Room for the queries, keys, values and results of rows.</summary>
    public (FloatRows Q, FloatRows K, FloatRows V, FloatRows Kqv) Buffers(int rows) => (_q.First(rows), _k.First(rows), _v.First(rows), _kqv.First(rows));

    /// <summary>kqv = softmax(q * keys * scale) * values, of the products.</summary>
    public void Mix(Cpu cpu, BatchPlan batch, FloatRows q, FloatRows k, FloatRows v, FloatRows kqv)
    {
        if (!_config.NormAfterRope) NormHeads(cpu, q, k);
        Rotate(cpu, q);
        if (_spec.K is not null) Rotate(cpu, k);
        if (_config.NormAfterRope) NormHeads(cpu, q, k);
        _spec.VNorm?.ForwardHeads(cpu, v, _config.ValueLength);
        if (_config.Temperature is { } temperature)
            for (int row = 0; row < q.Count; row++) RowOps.Apply(cpu, Elementwise.Scale, q.Rows(row, 1), temperature.At(batch.Position(row)));
        cpu.Trace("Qcur", _il, q);
        cpu.Trace("Kcur", _il, k);
        cpu.Trace("Vcur", _il, v);

        if (_spec.K is not null && !CacheOps.Store(cpu, batch.Runs(_kv.Group), _kv, k, v)) ThrowNonFinite(_il);
        CacheOps.Attend(cpu, batch.Runs(_kv.Group), _kv, q, kqv, _scoring);
        cpu.Trace("kqv_out", _il, kqv);
    }

    private void Project(Cpu cpu, FloatRows h, FloatRows q, FloatRows k, FloatRows v, FloatRows gate)
    {
        MatMul.Products products = default;
        int n = 0;
        products[n++] = _spec.Q.To(_spec.GateInQ ? _qAndGate.First(h.Count) : q);
        if (_spec.K is { } key) products[n++] = key.To(k);
        if (_spec.V is { } value) products[n++] = value.To(v);
        if (_spec.Gate is { } factors) products[n++] = factors.To(gate);
        MatMul.Run(cpu, h, ((ReadOnlySpan<Product>)products)[..n]);
        if (_spec.GateInQ) RowOps.SplitHeads(cpu, _qAndGate.First(h.Count), _config.KeyLength, q, gate);
        if (_spec.K is not null && _spec.V is null) RowOps.Copy(cpu, k, v);
        if (_config.ClampQkv == 0) return;
        foreach (FloatRows rows in (ReadOnlySpan<FloatRows>)[q, k, v]) RowOps.Apply(cpu, Elementwise.Clamp, rows, _config.ClampQkv);
    }

    private void NormHeads(Cpu cpu, FloatRows q, FloatRows k)
    {
        _spec.QNorm?.ForwardHeads(cpu, q, _config.KeyLength);
        _spec.KNorm?.ForwardHeads(cpu, k, _config.KeyLength);
    }

    private void Rotate(Cpu cpu, FloatRows x)
    {
        if (_rope is not null) RowOps.Rope(cpu, x, _config.KeyLength, _rope.Neox, _rope.Cos, _rope.Sin);
    }

    // kqv *= f(gate), a value or a head at a time.
    private void ApplyGate(Cpu cpu, FloatRows gate, FloatRows kqv)
    {
        RowOps.Apply(cpu, _config.GateFunction, gate);
        if (gate.Width == kqv.Width) RowOps.Multiply(cpu, kqv, gate);
        else RowOps.ScaleHeads(cpu, kqv, _config.ValueLength, gate);
    }

    private static void ThrowNonFinite(int il) =>
        throw new EdgeLlmException(ErrorCode.NonFinite, $"layer {il}: Kcur or Vcur holds a NaN or an infinity");
}
