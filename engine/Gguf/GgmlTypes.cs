using System.Diagnostics.CodeAnalysis;

namespace Edge.Llm;

/// <summary>How a tensor type is laid out: <paramref name="BlockLength"/> values in <paramref name="BlockBytes"/> bytes.</summary>
public sealed record GgmlTypeInfo(GgmlType Type, string Name, int BlockLength, int BlockBytes)
{
    /// <summary>Average bits a value.</summary>
    public double BitsPerWeight => 8.0 * BlockBytes / BlockLength;
}

/// <summary>The type table: block lengths and bytes of every tensor type of GGUF.</summary>
public static class GgmlTypes
{
    private static readonly GgmlTypeInfo[] s_table =
    [
        new(GgmlType.F32, "F32", 1, 4), new(GgmlType.F16, "F16", 1, 2), new(GgmlType.BF16, "BF16", 1, 2), new(GgmlType.F64, "F64", 1, 8),
        new(GgmlType.I8, "I8", 1, 1), new(GgmlType.I16, "I16", 1, 2), new(GgmlType.I32, "I32", 1, 4), new(GgmlType.I64, "I64", 1, 8),
        new(GgmlType.Q4_0, "Q4_0", 32, 18), new(GgmlType.Q4_1, "Q4_1", 32, 20),
        new(GgmlType.Q5_0, "Q5_0", 32, 22), new(GgmlType.Q5_1, "Q5_1", 32, 24),
        new(GgmlType.Q8_0, "Q8_0", 32, 34), new(GgmlType.Q8_1, "Q8_1", 32, 36),
        new(GgmlType.Q2_K, "Q2_K", 256, 84), new(GgmlType.Q3_K, "Q3_K", 256, 110), new(GgmlType.Q4_K, "Q4_K", 256, 144),
        new(GgmlType.Q5_K, "Q5_K", 256, 176), new(GgmlType.Q6_K, "Q6_K", 256, 210), new(GgmlType.Q8_K, "Q8_K", 256, 292),
        new(GgmlType.IQ2_XXS, "IQ2_XXS", 256, 66), new(GgmlType.IQ2_XS, "IQ2_XS", 256, 74), new(GgmlType.IQ2_S, "IQ2_S", 256, 82),
        new(GgmlType.IQ3_XXS, "IQ3_XXS", 256, 98), new(GgmlType.IQ3_S, "IQ3_S", 256, 110),
        new(GgmlType.IQ1_S, "IQ1_S", 256, 50), new(GgmlType.IQ1_M, "IQ1_M", 256, 56),
        new(GgmlType.IQ4_NL, "IQ4_NL", 32, 18), new(GgmlType.IQ4_XS, "IQ4_XS", 256, 136),
        new(GgmlType.TQ1_0, "TQ1_0", 256, 54), new(GgmlType.TQ2_0, "TQ2_0", 256, 66),
        new(GgmlType.MXFP4, "MXFP4", 32, 17), new(GgmlType.NVFP4, "NVFP4", 64, 36),
        new(GgmlType.Q1_0, "Q1_0", 128, 18), new(GgmlType.Q2_0, "Q2_0", 64, 18),
    ];

    private static readonly GgmlTypeInfo?[] s_byNumber = MakeIndex();

    /// <summary>Every type there is.</summary>
    public static IReadOnlyList<GgmlTypeInfo> All => s_table;

    /// <summary>Looks a type up by its number in the file.</summary>
    public static bool TryGet(GgmlType type, [NotNullWhen(true)] out GgmlTypeInfo? info)
    {
        info = (uint)type < (uint)s_byNumber.Length ? s_byNumber[(uint)type] : null;
        return info is not null;
    }

    /// <summary>The row of a type known to exist.</summary>
    public static GgmlTypeInfo Get(GgmlType type) =>
        TryGet(type, out GgmlTypeInfo? info) ? info : throw new EdgeLlmException(ErrorCode.Unsupported, $"unknown tensor type {(uint)type}");

    /// <summary>Looks a type up by its name, in either case.</summary>
    public static bool TryParse(string name, [NotNullWhen(true)] out GgmlTypeInfo? info)
    {
        info = Array.Find(s_table, row => row.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        return info is not null;
    }

    /// <summary>Bytes of a row of <paramref name="length"/> values, a multiple of the block length.</summary>
    public static long RowBytes(GgmlType type, long length)
    {
        GgmlTypeInfo info = Get(type);
        return length / info.BlockLength * info.BlockBytes;
    }

    private static GgmlTypeInfo?[] MakeIndex()
    {
        var index = new GgmlTypeInfo?[s_table.Max(row => (int)row.Type) + 1];
        foreach (GgmlTypeInfo row in s_table) index[(int)row.Type] = row;
        return index;
    }
}
