using Edge.Llm.Kernels;

namespace Edge.Llm.Models;

/// <summary>What attention adds to the scores of keys at a distance.</summary>
/// <param name="Heads">Query heads, each of which has its own.</param>
internal abstract record PositionBias(int Heads)
{
    /// <summary>What a head adds at a distance of key - query positions.</summary>
    public abstract float Of(int head, int distance);
}

/// <summary>ALiBi: a slope for each head times minus the distance (Press et al., 2021, with two geometric series where the number of heads
/// is no power of two).</summary>
internal sealed record Alibi(int Heads, float MaxBias) : PositionBias(Heads)
{
    public override float Of(int head, int distance)
    {
        int n = 1 << int.Log2(Heads);
        double slope = head < n
            ? DoubleMath.Pow(2, -MaxBias / (double)n * (head + 1))
            : DoubleMath.Pow(2, -MaxBias / 2.0 / n * ((2 * (head - n)) + 1));
        return (float)slope * -Math.Abs(distance);
    }
}

/// <summary>The tables of a model's position biases: one for each distinct bias among its layers, for all distances in a context.</summary>
internal sealed unsafe class PositionBiases(Workspace workspace, int contextSize)
{
    private readonly List<Table> _tables = [];

    /// <summary>What head h adds at a distance stands at Zero[h * Stride + distance].</summary>
    public sealed class Table(PositionBias bias, nint stride, float* zero)
    {
        public PositionBias Bias => bias;

        public nint Stride => stride;

        public float* Zero => zero;
    }

    /// <summary>The table of a bias, shared with every layer of an equal one.</summary>
    public Table Of(PositionBias bias)
    {
        if (_tables.Find(table => table.Bias == bias) is { } known) return known;
        int width = (2 * contextSize) + 1;
        var rows = workspace.RowsOfPass(bias.Heads, width);
        for (int head = 0; rows.Data != null && head < bias.Heads; head++)
            for (int distance = -contextSize; distance <= contextSize; distance++) rows.Row(head)[contextSize + distance] = bias.Of(head, distance);
        var made = new Table(bias, rows.Stride, rows.Data + contextSize);
        _tables.Add(made);
        return made;
    }
}
