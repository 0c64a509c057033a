namespace Edge.Llm.Conversion;

/// <summary>Where values lie that stand side by side in a converted tensor.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="First">The first one's number in it.</param>
/// <param name="Stride">How far apart they are there.</param>
internal readonly record struct SourcePiece(SourceTensor Tensor, long First, long Stride = 1);

/// <summary>A tensor to write, and where its values come from.</summary>
/// <param name="Name">Its name in the GGUF file.</param>
/// <param name="Type">The type to write.</param>
/// <param name="Shape">Its dimensions, the contiguous one first.</param>
/// <param name="PieceLength">Values of a piece: a row, or a single value of a vector whose values change places.</param>
/// <param name="Piece">Where a piece's values lie.</param>
internal sealed record ConvertedTensor(string Name, GgmlType Type, long[] Shape, long PieceLength, Func<long, SourcePiece> Piece)
{
    /// <summary>Added to each value.</summary>
    public float Plus { get; init; }

    /// <summary>The values are four bits each, and these are the exponents of blocks of 32.</summary>
    public SourceTensor? Exponents { get; init; }

    /// <summary>The values themselves, of a tensor that the checkpoint does not have.</summary>
    public float[]? Values { get; init; }

    /// <summary>How many values.</summary>
    public long Elements => Shape.Aggregate(1L, (product, length) => product * length);

    /// <summary>A tensor of computed values.</summary>
    public static ConvertedTensor Of(string name, float[] values) =>
        new(name, GgmlType.F32, [values.Length], values.Length, _ => default) { Values = values };
}
