using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows of any tensor type to floats.</summary>
internal static unsafe class RowReader
{
    /// <summary>Whether a type can be read.</summary>
    public static bool CanRead(GgmlType type) => KernelTable.FindFormat(type) is not null;

    /// <summary>Reads one row of <paramref name="k"/> values.</summary>
    public static void Read<TLanes>(GgmlType type, byte* row, int k, float* y) where TLanes : struct, ILanes<TLanes>
    {
        if (type == GgmlType.F32) Buffer.MemoryCopy(row, y, (long)k * sizeof(float), (long)k * sizeof(float));
        else if (type == GgmlType.F16) ReadFloats<TLanes, LoadF16, F16>(row, k, y);
        else if (type == GgmlType.BF16) ReadFloats<TLanes, LoadBF16, BF16>(row, k, y);
        else ReadBlocks(type, row, k, y);
    }

    /// <summary>Index of the first value that is not finite, or of a magnitude over <paramref name="limit"/>; -1 if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int FindBad(float* x, int k, float limit)
    {
        uint most = BitConverter.SingleToUInt32Bits(limit); // the bits of magnitudes sort as the magnitudes do, infinity and NaN last
        Vector128<uint> magnitude = Vector128.Create(0x7fffffffu), largest = default;
        int i = 0;
        for (; i + 4 <= k; i += 4) largest = Vector128.Max(largest, Vector128.Load((uint*)x + i) & magnitude);
        if (!Vector128.GreaterThanAny(largest, Vector128.Create(most)))
        {
            for (; i < k; i++)
                if ((((uint*)x)[i] & 0x7fffffff) > most) return i;
            return -1;
        }
        for (i = 0; (((uint*)x)[i] & 0x7fffffff) <= most; i++)
        {
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ReadFloats<TLanes, TLoad, TFormat>(byte* row, int k, float* y)
        where TLanes : struct, ILanes<TLanes> where TLoad : IFloatLoad where TFormat : IBlockFormat
    {
        int i = 0;
        for (; i + 16 <= k; i += 16) TLanes.Store(TLoad.Load<TLanes>(row + i * TLoad.ValueBytes), y + i);
        for (; i < k; i++) TFormat.Dequantize(row + i * TLoad.ValueBytes, y + i);
    }

    private static void ReadBlocks(GgmlType type, byte* row, int k, float* y)
    {
        GgmlTypeInfo info = GgmlTypes.Get(type);
        delegate*<byte*, float*, void> dequantize = KernelTable.FindFormat(type)!.Dequantize;
        for (int i = 0; i < k; i += info.BlockLength, row += info.BlockBytes) dequantize(row, y + i);
    }
}
