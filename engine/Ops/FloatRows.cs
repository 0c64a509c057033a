namespace Edge.Llm.Ops;

/// <summary>A view of activations: <paramref name="count"/> rows (tokens) of <paramref name="width"/> floats. Rows begin
/// <see cref="Stride"/> floats apart, so that a row can be multiplied in whole vectors.</summary>
internal readonly unsafe struct FloatRows(float* data, int count, int width)
{
    /// <summary>First value of the first row.</summary>
    public float* Data => data;

    /// <summary>Rows.</summary>
    public int Count => count;

    /// <summary>Values a row.</summary>
    public int Width => width;

    /// <summary>Floats from one row to the next: the width in whole vectors of 16.</summary>
    public nint Stride => PaddedWidth(width);

    /// <summary>First value of a row.</summary>
    public float* Row(int row) => data + (row * Stride);

    /// <summary>Some rows.</summary>
    public FloatRows Rows(int first, int rows) => new(Row(first), rows, width);

    /// <summary>The first rows.</summary>
    public FloatRows First(int rows) => new(data, rows, width);

    /// <summary>Zeroes what lies between the rows.</summary>
    public void ClearPadding()
    {
        int padding = (int)(Stride - width);
        if (padding == 0) return;
        for (int row = 0; row < count; row++) new Span<float>(Row(row) + width, padding).Clear();
    }

    /// <summary>A row, to read or copy.</summary>
    public Span<float> this[int row] => new(Row(row), width);

    /// <summary>Width in whole vectors of 16.</summary>
    public static int PaddedWidth(int width) => (width + 15) & ~15;
}
