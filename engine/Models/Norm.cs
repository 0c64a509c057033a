using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>RMSNorm: x / sqrt(mean(x^2) + eps) * weight. Where a layer has no norm, its place is null and x passes as it is.</summary>
internal sealed record Norm(Tensor Weight, float Epsilon)
{
    /// <summary>y = norm(x), packed on the way in the forms in which y is read next. x and y may be the same rows.</summary>
    public void Forward(Cpu cpu, FloatRows x, FloatRows y, InputFormats readers = InputFormats.None) =>
        RowOps.RmsNorm(cpu, x, Weight, Epsilon, y, readers);
}
