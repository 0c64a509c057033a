namespace Edge.Llm.Quantization;

/// <summary>Weights of columns, as the search wants them.</summary>
internal static class ColumnWeights
{
    /// <summary>What a column counts at least, the mean being 1: a block of columns that were never active is still quantized sensibly.</summary>
    private const float Least = 1e-4f;

    /// <summary>Scales each row of <paramref name="k"/> weights to a mean of 1; all are 1 where there is none. Null for null.</summary>
    public static float[]? Prepare(float[]? weights, long k)
    {
        if (weights is null) return null;
        var prepared = new float[weights.Length];
        for (int start = 0; start < weights.Length; start += (int)k)
        {
            double sum = 0;
            for (int i = 0; i < k; i++) sum += weights[start + i];
            for (int i = 0; i < k; i++) prepared[start + i] = sum > 0 ? MathF.Max((float)(weights[start + i] * k / sum), Least) : 1;
        }
        return prepared;
    }
}
