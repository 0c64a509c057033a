namespace Edge.Llm.Models;

/// <summary>A matrix for each expert (or head), [experts][rows, k]: some rows of a tensor that may hold further ones; a bias and a factor for each.</summary>
internal sealed record ExpertMatrices(Tensor Weight, int FirstRow, int OutputLength, Tensor? Bias = null, Tensor? Scale = null)
{
    /// <summary>Values of an input.</summary>
    public int InputLength => (int)Weight.Ne0;

    /// <summary>One expert's matrix.</summary>
    public Linear Of(int expert) => new(
        Weight with { Data = Weight.Data + (nint)(((expert * Weight.Ne1) + FirstRow) * Weight.RowBytes), Ne1 = OutputLength, Ne2 = 1 },
        Bias is { } bias ? bias with { Data = bias.Data + (nint)(((expert * bias.Ne0) + FirstRow) * sizeof(float)), Ne0 = OutputLength, Ne1 = 1 } : null);
}
