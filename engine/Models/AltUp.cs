using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>How a layer works on one of several streams (alternating updates, Gemma 3n): it predicts all of them by mixing them, computes the
/// first one, and corrects all of them by what that changed.</summary>
/// <param name="RouterNorm">Norm of the first stream before the router.</param>
/// <param name="Router">A value for each stream.</param>
/// <param name="Predict">Of the router's values, a factor for each pair of streams.</param>
/// <param name="Correct">Of the router's values, a factor for each stream.</param>
/// <param name="EndScale">Factor on each value of the first stream where it enters End.</param>
/// <param name="End">What the other streams take in at the end.</param>
internal sealed record AltUpSpec(Norm RouterNorm, Linear Router, Linear Predict, Linear Correct, Tensor EndScale, LayerEndSpec End);

/// <summary>Computes an <see cref="AltUpSpec"/>.</summary>
internal sealed class AltUp
{
    private readonly AltUpSpec _spec;
    private readonly Streams _streams;
    private readonly LayerEnd _end;
    private readonly FloatRows _normed, _routed, _pairs, _factors;

    /// <summary>Claims its buffers.</summary>
    public AltUp(AltUpSpec spec, LayerMaking making)
    {
        (_spec, _streams) = (spec, making.Streams!);
        Workspace workspace = making.Workspace;
        _end = new LayerEnd(spec.End, making);
        _normed = workspace.Rows(making.EmbeddingLength);
        (_routed, _pairs, _factors) = (workspace.Rows(_streams.Count), workspace.Rows(spec.Predict.OutputLength), workspace.Rows(_streams.Count));
        foreach (Linear linear in (ReadOnlySpan<Linear>)[spec.Router, spec.Predict, spec.Correct]) workspace.ClaimInput(linear);
    }

    /// <summary>Predicts all streams: each one plus the sum of all times the pair's factor. x becomes the prediction of the first.</summary>
    public void Predict(Cpu cpu, FloatRows x)
    {
        FloatRows pairs = _pairs.First(x.Count);
        MatMul.Run(cpu, Routed(cpu, x), _spec.Predict.To(pairs));
        for (int to = 0; to < _streams.Count; to++)
        {
            RowOps.Copy(cpu, _streams.Stream(to, x), _streams.Predicted(to));
            for (int from = 0; from < _streams.Count; from++)
                RowOps.AddScaled(cpu, _streams.Predicted(to), _streams.Stream(from, x), pairs, (to * _streams.Count) + from);
        }
        RowOps.Copy(cpu, _streams.Predicted(0), x);
    }

    /// <summary>Corrects all streams by what the layer changed in x, times 1 and the stream's factor; then the others take in the end.</summary>
    public void Correct(Cpu cpu, BatchPlan batch, FloatRows x)
    {
        FloatRows factors = _factors.First(x.Count), change = _normed.First(x.Count);
        MatMul.Run(cpu, Routed(cpu, x), _spec.Correct.To(factors));
        RowOps.Copy(cpu, _streams.Predicted(0), change);
        RowOps.Apply(cpu, Elementwise.Scale, change, -1f);
        RowOps.Add(cpu, change, x);
        for (int i = 0; i < _streams.Count; i++)
        {
            FloatRows stream = _streams.Stream(i, x);
            RowOps.Copy(cpu, _streams.Predicted(i), stream);
            RowOps.Add(cpu, stream, change);
            RowOps.AddScaled(cpu, stream, change, factors, i);
        }
        RowOps.Copy(cpu, x, change);
        RowOps.ScaleColumns(cpu, change, _spec.EndScale);
        FloatRows end = _end.Forward(cpu, batch, change);
        for (int i = 1; i < _streams.Count; i++) RowOps.Add(cpu, _streams.Stream(i, x), end);
    }

    /// <summary>Keeps the rows whose logits are wanted.</summary>
    public void KeepRows(BatchPlan batch) => _streams.KeepRows(batch);

    private FloatRows Routed(Cpu cpu, FloatRows x)
    {
        FloatRows normed = _normed.First(x.Count), routed = _routed.First(x.Count);
        _spec.RouterNorm.Forward(cpu, x, normed);
        MatMul.Run(cpu, normed, _spec.Router.To(routed));
        RowOps.Apply(cpu, Elementwise.Tanh, routed);
        return routed;
    }
}
