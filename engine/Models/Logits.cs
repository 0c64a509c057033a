using Edge.Llm.Ops;

namespace Edge.Llm;

/// <summary>Rows of logits in the order they were asked for; valid until the context's next forward pass.</summary>
public readonly ref struct Logits
{
    private readonly FloatRows _rows;

    internal Logits(FloatRows rows) => _rows = rows;

    internal FloatRows Rows => _rows;

    /// <summary>Rows.</summary>
    public int Count => _rows.Count;

    /// <summary>Values a row: one a token of the vocabulary.</summary>
    public int VocabSize => _rows.Width;

    /// <summary>A row.</summary>
    public ReadOnlySpan<float> this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            return _rows[row];
        }
    }
}
