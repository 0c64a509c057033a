namespace Edge.Llm.Adapters;

/// <summary>What an adapter adds to one tensor of a model: Factor * B * A. Of a table of embeddings A has a row for each token.</summary>
/// <param name="Weight">The model's tensor.</param>
/// <param name="A">[in, rank], for each of the weight's matrices; of a table [rank, tokens].</param>
/// <param name="B">[rank, out], for each of the weight's matrices.</param>
/// <param name="Factor">alpha / rank.</param>
/// <param name="IsTable">Whether it belongs to the table of embeddings, of which rows are read.</param>
internal sealed record LoraPair(Tensor Weight, Tensor A, Tensor B, float Factor, bool IsTable)
{
    /// <summary>Values between A and B.</summary>
    public int Rank => (int)B.Ne0;

    /// <summary>The parts of A and B that belong to some rows of one of the weight's matrices.</summary>
    public (Tensor A, Tensor B) Of(Tensor view)
    {
        (long matrix, long row) = Math.DivRem((view.Data - Weight.Data) / (nint)Weight.RowBytes, Weight.Ne1);
        return (A with { Data = A.Data + (nint)(matrix * A.Ne1 * A.RowBytes), Ne2 = 1 }, Rows(B, (matrix * B.Ne1) + row, view.Ne1));
    }

    /// <summary>Some rows of a tensor.</summary>
    public static Tensor Rows(Tensor tensor, long first, long count) =>
        tensor with { Data = tensor.Data + (nint)(first * tensor.RowBytes), Ne1 = count, Ne2 = 1 };
}

/// <summary>The longest rows that adapters' products need room for.</summary>
/// <param name="Rank">Values between A and B.</param>
/// <param name="Q8_K">Values of an input that is read in this packed form; 0: none is.</param>
/// <param name="Q8_32">The same for the other form.</param>
internal readonly record struct AdapterWidths(int Rank, int Q8_K, int Q8_32)
{
    /// <summary>Room for both.</summary>
    public static AdapterWidths Max(AdapterWidths a, AdapterWidths b) => new(Math.Max(a.Rank, b.Rank), Math.Max(a.Q8_K, b.Q8_K), Math.Max(a.Q8_32, b.Q8_32));
}
