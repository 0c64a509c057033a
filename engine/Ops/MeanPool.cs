namespace Edge.Llm.Ops;

/// <summary>The mean of rows that arrive in parts. Sums are double, rows ascending, so the parts do not show in the result.</summary>
internal sealed class MeanPool(int width)
{
    private readonly double[] _sums = new double[width];
    private int _rows;

    /// <summary>Adds rows [n, width].</summary>
    public void Add(FloatRows x)
    {
        for (int row = 0; row < x.Count; row++)
        {
            Span<float> values = x[row];
            for (int i = 0; i < width; i++) _sums[i] += values[i];
        }
        _rows += x.Count;
    }

    /// <summary>The mean; divided by its Euclidean length if normalized (a mean of zeros stays as it is).</summary>
    public float[] Mean(bool normalize)
    {
        double squares = 0;
        foreach (double sum in _sums) squares += sum * sum;
        double divisor = normalize && squares > 0 ? Math.Sqrt(squares) : _rows;
        return Array.ConvertAll(_sums, sum => (float)(sum / divisor));
    }
}
