using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Computes a <see cref="LatentSpec"/>.</summary>
internal sealed unsafe class LatentAttention : IMixer
{
    private readonly LatentSpec _spec;
    private readonly LatentConfig _config;
    private readonly KvLayer _kv;
    private readonly RopeTable? _rope;
    private readonly int _il;
    private readonly FloatRows _qDown, _q, _latent, _queries, _byHead, _ofHead, _c, _expanded, _k, _v, _found, _heads;
    private readonly GroupProduct[] _products;

    /// <summary>Claims its buffers.</summary>
    public LatentAttention(LatentSpec spec, LayerMaking making)
    {
        LatentConfig c = spec.Config;
        Workspace workspace = making.Workspace;
        (_spec, _config, _il) = (spec, c, making.Index);
        _kv = making.Cache.Kv(making.Index);
        _rope = c.Rope is null ? null : making.Ropes.Of(c.Rope);
        _products = new GroupProduct[c.HeadCount];
        if (spec.QDown is not null) _qDown = workspace.Rows(spec.QDown.OutputLength);
        _q = workspace.Rows(spec.Q.OutputLength);
        _latent = workspace.Rows(spec.KvDown.OutputLength);
        _c = workspace.Rows(c.Rank);
        _heads = workspace.Rows(c.HeadCount * c.ValueLength);
        int headRows = workspace.BatchSize * c.HeadCount;
        if (spec.Kv is AbsorbedKv absorbed)
        {
            _queries = workspace.Rows(c.HeadCount * (c.Rank + c.RopeLength));
            _found = workspace.Rows(c.HeadCount * c.Rank);
            _byHead = workspace.Rows(headRows, Math.Max(c.NopeLength, c.Rank));
            _ofHead = workspace.Rows(headRows, Math.Max(c.Rank, c.ValueLength));
            workspace.ClaimInput(absorbed.K.Of(0), headRows);
            workspace.ClaimInput(absorbed.V.Of(0), headRows);
        }
        else if (spec.Kv is ExpandedKv expanded)
        {
            _expanded = workspace.Rows(expanded.Kv.OutputLength);
            _k = workspace.Rows(c.HeadCount * c.QueryLength);
            _v = workspace.Rows(c.HeadCount * c.ValueLength);
            workspace.ClaimInput(expanded.Kv);
        }
        foreach (Linear? linear in (ReadOnlySpan<Linear?>)[spec.QDown, spec.Q, spec.KvDown, spec.Output])
            if (linear is not null) workspace.ClaimInput(linear);
        workspace.ClaimScratch(AttentionArgs.ScratchBytes(
            Math.Min(workspace.BatchSize, spec.MaxRun), c.HeadCount / _kv.Heads, _kv.KeyDim, _kv.ValueDim));
    }

    /// <summary>y = output(attention to the latent vectors).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows q = _q.First(h.Count), latent = _latent.First(h.Count), c = _c.First(h.Count), heads = _heads.First(h.Count);
        if (_spec.QDown is null) MatMul.Run(cpu, h, _spec.Q.To(q), _spec.KvDown.To(latent));
        else
        {
            FloatRows qDown = _qDown.First(h.Count);
            MatMul.Run(cpu, h, _spec.QDown.To(qDown), _spec.KvDown.To(latent));
            _spec.QNorm?.Forward(cpu, qDown, qDown, _spec.Q.Input);
            MatMul.Run(cpu, qDown, _spec.Q.To(q));
        }
        RowOps.CopyHeads(cpu, latent, latent.Width, 0, c, c.Width, 0, c.Width);
        _spec.KvNorm.Forward(cpu, c, c);
        RowOps.CopyHeads(cpu, c, c.Width, 0, latent, latent.Width, 0, c.Width);
        if (_rope is not null)
        {
            RowOps.Rope(cpu, q, _config.QueryLength, _rope.Neox, _rope.Cos, _rope.Sin, _config.NopeLength);
            RowOps.Rope(cpu, latent, latent.Width, _rope.Neox, _rope.Cos, _rope.Sin, _config.Rank);
        }
        if (_config.Temperature is { } temperature)
            for (int row = 0; row < q.Count; row++) RowOps.Apply(cpu, Elementwise.Scale, q.Rows(row, 1), temperature.At(batch.Position(row)));
        cpu.Trace("Qcur", _il, q);
        cpu.Trace("kv_cmpr", _il, c);
        if (_spec.Kv is AbsorbedKv absorbed) AttendLatent(cpu, batch, absorbed, q, latent, heads);
        else AttendHeads(cpu, batch, (ExpandedKv)_spec.Kv, q, latent, c, heads);
        cpu.Trace("kqv_out", _il, heads);
        if (y.Count < h.Count) heads = RowOps.KeepRows(heads, batch.LogitsRows);
        MatMul.Run(cpu, heads, _spec.Output.To(y));
    }

    // Each head's queries go to the latent vectors; what it finds there goes to its values.
    private void AttendLatent(Cpu cpu, BatchPlan batch, AbsorbedKv kv, FloatRows q, FloatRows latent, FloatRows heads)
    {
        int length = _config.Rank + _config.RopeLength;
        FloatRows queries = _queries.First(q.Count), found = _found.First(q.Count);
        PerHead(cpu, kv.K, q, _config.QueryLength, queries, length);
        RowOps.CopyHeads(cpu, q, _config.QueryLength, _config.NopeLength, queries, length, _config.Rank, _config.RopeLength);
        Attend(cpu, batch, queries, latent, latent, found);
        PerHead(cpu, kv.V, found, _config.Rank, heads, _config.ValueLength);
    }

    // Keys and values are made of the latent vector; the rotated part of the key is the same for all heads.
    private void AttendHeads(Cpu cpu, BatchPlan batch, ExpandedKv kv, FloatRows q, FloatRows latent, FloatRows c, FloatRows heads)
    {
        int nope = _config.NopeLength, rope = _config.RopeLength, value = _config.ValueLength;
        FloatRows expanded = _expanded.First(q.Count), k = _k.First(q.Count), v = _v.First(q.Count);
        MatMul.Run(cpu, c, kv.Kv.To(expanded));
        RowOps.CopyHeads(cpu, expanded, nope + value, 0, k, nope + rope, 0, nope);
        RowOps.CopyHeads(cpu, latent, 0, _config.Rank, k, nope + rope, nope, rope);
        RowOps.CopyHeads(cpu, expanded, nope + value, nope, v, value, 0, value);
        Attend(cpu, batch, q, k, v, heads);
    }

    private void Attend(Cpu cpu, BatchPlan batch, FloatRows q, FloatRows k, FloatRows v, FloatRows to)
    {
        if (!CacheOps.Store(cpu, batch.Runs(_kv.Group), _kv, k, v))
            throw new EdgeLlmException(ErrorCode.NonFinite, $"layer {_il}: the latent vector holds a NaN or an infinity");
        CacheOps.Attend(cpu, batch.Runs(_kv.Group), _kv, q, to, new Scoring { Scale = _config.Scale });
    }

    // The first values of each head of x times the head's own matrix, to the first values of each head of y.
    private void PerHead(Cpu cpu, ExpertMatrices matrices, FloatRows x, int xLength, FloatRows y, int yLength)
    {
        int n = x.Count;
        FloatRows from = new FloatRows(_byHead.Data, _config.HeadCount * n, matrices.InputLength), to = new(_ofHead.Data, from.Count, matrices.OutputLength);
        RowOps.HeadsToRows(cpu, x, xLength, from);
        for (int head = 0; head < _products.Length; head++)
            _products[head] = new GroupProduct(matrices.WeightOf(head), head * n, to.Rows(head * n, n));
        cpu.Groups.Run(cpu, from, _products);
        RowOps.RowsToHeads(cpu, to, y, yLength);
    }
}
