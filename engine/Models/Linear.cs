using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A matrix to multiply with, w[M, K], a factor on the product, and what is added then. The matrix may be some rows of a tensor
/// that holds several.</summary>
internal sealed record Linear(Tensor Weight, Tensor? Bias = null, float Scale = 1)
{
    /// <summary>A factor that belongs to the weight (of formats whose blocks have small scales).</summary>
    public float WeightScale { get; init; } = 1;

    /// <summary>The packed form in which it reads its input.</summary>
    public InputFormats Input { get; } = InputFormatsOf.Type(Weight.Type);

    /// <summary>Values of its input.</summary>
    public int InputLength => (int)Weight.Ne0;

    /// <summary>Values of its result.</summary>
    public int OutputLength => (int)Weight.Ne1;

    /// <summary>A product of an input with it, for <see cref="MatMul"/>.</summary>
    public Product To(FloatRows y) => new(Weight, y, Bias, Scale, WeightScale);

    /// <summary>Some of its rows as a matrix of their own.</summary>
    public unsafe Linear Rows(int first, int count) => this with
    {
        Weight = Weight with { Data = Weight.Data + (nint)(first * Weight.RowBytes), Ne1 = count },
        Bias = Bias is { } bias ? bias with { Data = bias.Data + (first * sizeof(float)), Ne0 = count } : null,
    };
}
