using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q2_K"/>.</summary>
internal readonly unsafe struct Q2_KEncoder : IAffineSuperBlock
{
    public static GgmlType Type => GgmlType.Q2_K;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q2_K.Bytes;

    public static int Length => 16;

    public static int HighestLevel => 3;

    public static int HighestScale => 15;

    public static ReadOnlySpan<float> Grid => [2.25f, 2.5f, 2.75f, 3, 3.25f, 3.5f, 3.75f, 4, 4.25f, 4.5f];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        AffineSuperBlock<TLanes, Q2_KEncoder>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(
        byte* block, in BlockTile tile, int firstLane, ushort d, ushort dmin, ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums)
    {
        var b = (Q2_K*)block;
        b->D = d;
        b->DMin = dmin;
        for (int j = 0; j < 16; j++) b->Scales[j] = (byte)((int)scales[j] | ((int)minimums[j] << 4));
        for (int h = 0; h < 2; h++)
            for (int i = 0; i < 32; i++)
            {
                int packed = 0;
                for (int j = 0; j < 4; j++) packed |= tile.Level(8 * h + 2 * j + i / 16, i % 16) << (2 * j);
                b->Qs[32 * h + i] = (byte)packed;
            }
    }
}
