namespace Edge.Llm.Models;

/// <summary>A matrix for each expert (or head), [experts][rows, k]: some rows of a tensor that may hold further ones; a bias and a factor for each.</summary>
internal sealed record ExpertMatrices(Tensor Weight, int FirstRow, int OutputLength, Tensor? Bias = null, Tensor? Scale = null)
{
    /// <summary>Experts.</summary>
    public int Count => (int)Weight.Ne2;

    /// <summary>Values of an input.</summary>
    public int InputLength => (int)Weight.Ne0;

    /// <summary>One expert's weights.</summary>
    public Tensor WeightOf(int expert) =>
        Weight with { Data = Weight.Data + (nint)(((expert * Weight.Ne1) + FirstRow) * Weight.RowBytes), Ne1 = OutputLength, Ne2 = 1 };

    /// <summary>One expert's biases.</summary>
    public Tensor? BiasOf(int expert) => Bias is { } bias
        ? bias with { Data = bias.Data + (nint)(((expert * bias.Ne0) + FirstRow) * sizeof(float)), Ne0 = OutputLength, Ne1 = 1 } : null;

    /// <summary>One expert's matrix.</summary>
    public Linear Of(int expert) => new(WeightOf(expert), BiasOf(expert));
}
