using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>What a model makes of a token for each layer, besides the stream (Gemma 3n, Gemma 4): n values a layer, of a table of its own and of the
/// embedding.</summary>
/// <param name="Tokens">A row of [layers * n] for each token.</param>
/// <param name="Projection">The same of the embedding.</param>
/// <param name="Norm">Norm of each layer's values of the projection.</param>
internal sealed record PerLayerSpec(Tensor Tokens, Linear Projection, Norm Norm)
{
    /// <summary>Values a layer.</summary>
    public int Length => (int)Norm.Weight!.Value.Ne0;
}

/// <summary>Computes a <see cref="PerLayerSpec"/> once a pass.</summary>
internal sealed class PerLayerInputs
{
    private readonly PerLayerSpec _spec;
    private readonly FloatRows _all, _tokens;

    /// <summary>Claims its buffers.</summary>
    public PerLayerInputs(PerLayerSpec spec, Workspace workspace)
    {
        _spec = spec;
        _all = workspace.RowsOfPass(spec.Projection.OutputLength);
        _tokens = workspace.RowsOfPass(spec.Projection.OutputLength);
        workspace.ClaimInput(spec.Projection);
    }

    /// <summary>Values a layer.</summary>
    public int Length => _spec.Length;

    /// <summary>Computes all layers' values of x, the embeddings.</summary>
    public unsafe void Fill(Cpu cpu, BatchPlan batch, FloatRows x)
    {
        FloatRows all = _all.First(x.Count), tokens = _tokens.First(x.Count);
        MatMul.Run(cpu, x, _spec.Projection.To(all));
        RowOps.Apply(cpu, Elementwise.Scale, all, 1 / MathF.Sqrt(x.Width));
        _spec.Norm.ForwardHeads(cpu, all, Length);
        RowOps.Embed(cpu, _spec.Tokens, batch.Tokens, tokens);
        RowOps.Apply(cpu, Elementwise.Scale, tokens, MathF.Sqrt(Length));
        RowOps.Add(cpu, all, tokens);
        RowOps.Apply(cpu, Elementwise.Scale, all, 1 / MathF.Sqrt(2));
    }

    /// <summary>A layer's values of the rows that are wanted.</summary>
    public void CopyTo(Cpu cpu, BatchPlan batch, int il, FloatRows to)
    {
        FloatRows all = _all.First(batch.Count);
        if (to.Count < all.Count) all = RowOps.KeepRows(all, batch.LogitsRows);
        RowOps.CopyHeads(cpu, all, 0, il * Length, to, Length, 0, Length);
    }
}

/// <summary>What a layer takes in at its end, of its own input of each token: norm(proj(gelu(gate(x)) * input)).</summary>
internal sealed record LayerEndSpec(Linear Gate, Linear Projection, Norm Norm);

/// <summary>Computes a <see cref="LayerEndSpec"/>.</summary>
internal sealed class LayerEnd
{
    private readonly LayerEndSpec _spec;
    private readonly PerLayerInputs _inputs;
    private readonly int _il;
    private readonly FloatRows _gate, _input, _result;

    /// <summary>Claims its buffers.</summary>
    public LayerEnd(LayerEndSpec spec, LayerMaking making)
    {
        (_spec, _il, _inputs) = (spec, making.Index, making.PerLayer!);
        Workspace workspace = making.Workspace;
        (_gate, _input, _result) = (workspace.Rows(_inputs.Length), workspace.Rows(_inputs.Length), workspace.Rows(making.EmbeddingLength));
        workspace.ClaimInput(spec.Gate);
        workspace.ClaimInput(spec.Projection);
    }

    /// <summary>What x takes in, valid until the next call.</summary>
    public FloatRows Forward(Cpu cpu, BatchPlan batch, FloatRows x)
    {
        FloatRows gate = _gate.First(x.Count), input = _input.First(x.Count), result = _result.First(x.Count);
        _inputs.CopyTo(cpu, batch, _il, input);
        MatMul.Run(cpu, x, _spec.Gate.To(gate));
        Activation.Gelu.Apply(cpu, gate, input, _spec.Projection.Input);
        MatMul.Run(cpu, gate, _spec.Projection.To(result));
        _spec.Norm.Forward(cpu, result, result);
        return result;
    }
}
