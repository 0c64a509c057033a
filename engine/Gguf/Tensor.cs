namespace Edge.Llm;

/// <summary>A read-only view of a tensor: <c>Ne0</c> values a row (contiguous), <c>Ne1</c> rows, <c>Ne2</c> matrices, <c>Ne3</c>.
/// As a weight it is w[M,K] with K = Ne0 and M = Ne1. The view does not keep its memory alive: the owner does.</summary>
/// <param name="Name">Name as in the file, for example <c>blk.0.attn_q.weight</c>.</param>
/// <param name="Type">Type of its values.</param>
/// <param name="Data">First byte.</param>
/// <param name="Ne0">Values in a row, a multiple of the type's block length.</param>
/// <param name="Ne1">Rows.</param>
/// <param name="Ne2">Matrices (experts).</param>
/// <param name="Ne3">Outermost dimension.</param>
public readonly unsafe record struct Tensor(string Name, GgmlType Type, nint Data, long Ne0, long Ne1 = 1, long Ne2 = 1, long Ne3 = 1)
{
    /// <summary>First byte, as a pointer.</summary>
    public byte* Pointer => (byte*)Data;

    /// <summary>Number of values.</summary>
    public long Elements => Ne0 * Ne1 * Ne2 * Ne3;

    /// <summary>Bytes from one row to the next.</summary>
    public long RowBytes => GgmlTypes.RowBytes(Type, Ne0);

    /// <summary>Size in bytes.</summary>
    public long Bytes => RowBytes * Ne1 * Ne2 * Ne3;

    /// <summary>Name, type and dimensions. (The ToString that the compiler makes for a record cannot print a pointer: NativeAOT's compiler
    /// fails on it.)</summary>
    public override string ToString() => FormattableString.Invariant($"{Name} {Type} [{Ne0}, {Ne1}, {Ne2}, {Ne3}]");
}
