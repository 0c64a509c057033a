using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q5_K"/>.</summary>
internal readonly unsafe struct Q5_KEncoder : IAffineSuperBlock
{
    public static GgmlType Type => GgmlType.Q5_K;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q5_K.Bytes;

    public static int Length => 32;

    public static int HighestLevel => 31;

    public static int HighestScale => 63;

    public static ReadOnlySpan<float> Grid => [29.5f, 29.75f, 30, 30.25f, 30.5f, 30.75f, 31, 31.25f, 31.5f, 31.75f, 32, 32.5f];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        AffineSuperBlock<TLanes, Q5_KEncoder>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(
        byte* block, in BlockTile tile, int firstLane, ushort d, ushort dmin, ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums)
    {
        var b = (Q5_K*)block;
        b->D = d;
        b->DMin = dmin;
        Q4_KEncoder.PackScales(b->Scales, scales, minimums);
        new Span<byte>(b->HighBits, 32).Clear();
        for (int j = 0; j < 8; j += 2)
            for (int i = 0; i < 32; i++)
            {
                int even = tile.Level(firstLane + j, i), odd = tile.Level(firstLane + j + 1, i);
                b->Qs[j / 2 * 32 + i] = (byte)((even & 15) | ((odd & 15) << 4));
                b->HighBits[i] |= (byte)(((even >> 4) | (odd >> 4 << 1)) << j);
            }
    }
}
