using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q4_K"/>.</summary>
internal readonly unsafe struct Q4_KEncoder : IAffineSuperBlock
{
    public static GgmlType Type => GgmlType.Q4_K;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q4_K.Bytes;

    public static int Length => 32;

    public static int HighestLevel => 15;

    public static int HighestScale => 63;

    public static ReadOnlySpan<float> Grid => [13.5f, 13.75f, 14, 14.25f, 14.5f, 14.75f, 15, 15.25f, 15.5f, 15.75f, 16, 16.5f];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        AffineSuperBlock<TLanes, Q4_KEncoder>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(
        byte* block, in BlockTile tile, int firstLane, ushort d, ushort dmin, ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums)
    {
        var b = (Q4_K*)block;
        b->D = d;
        b->DMin = dmin;
        PackScales(b->Scales, scales, minimums);
        for (int j = 0; j < 8; j += 2)
            for (int i = 0; i < 32; i++)
                b->Qs[j / 2 * 32 + i] = (byte)(tile.Level(firstLane + j, i) | (tile.Level(firstLane + j + 1, i) << 4));
    }

    /// <summary>Stores 6-bit scales and minimums as <see cref="Q4_K.ScaleMin"/> reads them.</summary>
    public static void PackScales(byte* packed, ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums)
    {
        for (int j = 0; j < 4; j++)
        {
            int scale = (int)scales[j], min = (int)minimums[j], scale4 = (int)scales[j + 4], min4 = (int)minimums[j + 4];
            packed[j] = (byte)(scale | (scale4 >> 4 << 6));
            packed[j + 4] = (byte)(min | (min4 >> 4 << 6));
            packed[j + 8] = (byte)((scale4 & 15) | ((min4 & 15) << 4));
        }
    }
}
