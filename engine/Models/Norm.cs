using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Which norm it is.</summary>
internal enum NormKind
{
    /// <summary>RMSNorm: x / sqrt(mean(x^2) + eps).</summary>
    Rms,

    /// <summary>LayerNorm: (x - mean) / sqrt(mean((x - mean)^2) + eps).</summary>
    Layer,
}

/// <summary>RMSNorm or LayerNorm, times a weight if there is one, plus a bias if there is one. Where a layer has no norm, its place is null
/// and x passes as it is.</summary>
internal sealed record Norm(NormKind Kind, Tensor? Weight, Tensor? Bias, float Epsilon)
{
    /// <summary>y = norm(x), packed on the way in the forms in which y is read next. x and y may be the same rows.</summary>
    public void Forward(Cpu cpu, FloatRows x, FloatRows y, InputFormats readers = InputFormats.None)
    {
        if (Kind == NormKind.Rms && Weight is { } weight && Bias is null) RowOps.RmsNorm(cpu, x, weight, Epsilon, y, readers);
        else RowOps.Norm(cpu, x, Weight, Bias, Epsilon, Kind == NormKind.Layer, y, readers);
    }

    /// <summary>Norms each head of x in place, or its whole rows, as long as the weight is.</summary>
    public void ForwardHeads(Cpu cpu, FloatRows x, int headDim)
    {
        if (Weight is { Ne1: 1 } weight && weight.Ne0 == x.Width) Forward(cpu, x, x);
        else RowOps.HeadNorm(cpu, x, headDim, Weight, Bias, Epsilon, Kind == NormKind.Layer);
    }
}
