using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A layer: a mixer and a feed-forward network around the residual stream x [n, n_embd].</summary>
internal sealed class Layer
{
    private readonly LayerSpec _spec;
    private readonly int _il;
    private readonly bool _last;
    private readonly IMixer? _mixer;
    private readonly IFeedForward? _ffn;
    private readonly LayerEnd? _end;
    private readonly AltUp? _altUp;
    private readonly FloatRows _h, _branch, _input;

    /// <summary>Makes a layer, which works in h; a parallel one keeps h for its network, and its mixer's result in branch.</summary>
    public Layer(LayerSpec spec, LayerMaking making, bool last, FloatRows h, FloatRows branch)
    {
        (_spec, _il, _last, _h) = (spec, making.Index, last, h);
        _branch = spec.Topology == Topology.Parallel ? branch : h;
        if (spec.WithInput is not null) _input = making.Workspace.Rows(making.EmbeddingLength);
        using (making.Workspace.Scope()) _mixer = spec.Mixer?.Make(making);
        using (making.Workspace.Scope()) _ffn = spec.Ffn?.Make(making);
        if (spec.End is not null)
            using (making.Workspace.Scope()) _end = new LayerEnd(spec.End, making);
        if (spec.AltUp is not null)
            using (making.Workspace.Scope()) _altUp = new AltUp(spec.AltUp, making);
    }

    /// <summary>Updates x and returns it. In the last layer the cache has all keys and values once the mixer has run: from there on only
    /// the rows whose logits are wanted matter.</summary>
    public FloatRows Forward(Cpu cpu, BatchPlan batch, FloatRows x)
    {
        _ffn?.ReadLayerInput(cpu, x);
        _altUp?.Predict(cpu, x);
        if (_spec.WithInput is not null) RowOps.Copy(cpu, x, _input.First(x.Count));
        FloatRows h = Norm(cpu, "attn_norm", _spec.In, x, _spec.Mixer?.Input ?? InputFormats.None);
        FloatRows branch = _branch.First(_last ? batch.LogitsRows.Length : x.Count);
        _mixer?.Forward(cpu, batch, h, branch);
        if (_last) x = KeepRows(batch, x);
        if (_spec.Topology == Topology.Parallel)
        {
            if (_spec.FfnIn is not null) h = Norm(cpu, "ffn_norm", _spec.FfnIn, x, _spec.Ffn!.Input);
            else if (_last) h = _spec.In is null ? x : RowOps.KeepRows(h, batch.LogitsRows);
            FloatRows ffn = _h.First(x.Count);
            _ffn!.Forward(cpu, batch, h, ffn);
            Add(cpu, x, branch, "attn_out", _spec.AfterMixer);
            Add(cpu, x, ffn, "ffn_out", _spec.AfterFfn);
        }
        else
        {
            if (_mixer is not null) Add(cpu, x, branch, "attn_out", _spec.AfterMixer);
            if (_spec.WithInput is not null) AddInput(cpu, batch, x);
            if (_spec.SumScale != 1) RowOps.Apply(cpu, Elementwise.Scale, x, _spec.SumScale);
            cpu.Trace("ffn_inp", _il, x);
            if (_ffn is not null)
            {
                h = Norm(cpu, "ffn_norm", _spec.FfnIn, x, _spec.Ffn!.Input);
                _ffn.Forward(cpu, batch, h, branch);
                Add(cpu, x, branch, "ffn_out", _spec.AfterFfn);
            }
        }
        if (_end is not null) RowOps.Add(cpu, x, _end.Forward(cpu, batch, x));
        _altUp?.Correct(cpu, batch, x);
        if (_spec.OutScale != 1) RowOps.Apply(cpu, Elementwise.Scale, x, _spec.OutScale);
        _spec.Out?.Forward(cpu, x, x);
        cpu.Trace("l_out", _il, x);
        return x;
    }

    private FloatRows KeepRows(BatchPlan batch, FloatRows x)
    {
        _altUp?.KeepRows(batch);
        return RowOps.KeepRows(x, batch.LogitsRows);
    }

    // norm(x), or x itself where there is no norm.
    private FloatRows Norm(Cpu cpu, string name, Norm? norm, FloatRows x, InputFormats readers)
    {
        if (norm is null) return x;
        FloatRows h = _h.First(x.Count);
        norm.Forward(cpu, x, h, readers);
        cpu.Trace(name, _il, h);
        return h;
    }

    private void AddInput(Cpu cpu, BatchPlan batch, FloatRows x)
    {
        FloatRows input = _input.First(batch.Count);
        RowOps.Add(cpu, x, _last ? RowOps.KeepRows(input, batch.LogitsRows) : input);
        _spec.WithInput!.Forward(cpu, x, x);
    }

    // x += scale * norm(branch), or, after the sum, x = norm(x + branch).
    private void Add(Cpu cpu, FloatRows x, FloatRows branch, string name, Norm? norm)
    {
        cpu.Trace(name, _il, branch);
        bool afterSum = _spec.Topology == Topology.AfterSum;
        if (!afterSum) norm?.Forward(cpu, branch, branch);
        if (_spec.ResidualScale != 1) RowOps.Apply(cpu, Elementwise.Scale, branch, _spec.ResidualScale);
        RowOps.Add(cpu, x, branch);
        if (afterSum) norm?.Forward(cpu, x, x);
    }
}
