using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q6_K"/>.</summary>
internal readonly unsafe struct Q6_KEncoder : IScaleSuperBlock
{
    public static GgmlType Type => GgmlType.Q6_K;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q6_K.Bytes;

    public static int Length => 16;

    public static int LowestScale => -128;

    public static ReadOnlySpan<float> Grid => [-31, -31.33f, -31.67f, -32, -32.33f, -32.67f, -33, 30, 30.33f, 30.67f, 31, 31.33f, 31.67f];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        ScaleSuperBlock<TLanes, Q6_KEncoder, SignedLevels<Bits6>>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int firstLane, ushort d, ReadOnlySpan<float> scales)
    {
        var b = (Q6_K*)block;
        b->D = d;
        for (int j = 0; j < 16; j++) b->Scales[j] = (sbyte)scales[j];
        for (int h = 0; h < 2; h++)
            for (int i = 0; i < 32; i++)
            {
                int lane = 8 * h + i / 16, at = i % 16;
                int q0 = tile.Level(lane, at) + 32, q1 = tile.Level(lane + 2, at) + 32;
                int q2 = tile.Level(lane + 4, at) + 32, q3 = tile.Level(lane + 6, at) + 32;
                b->Low[64 * h + i] = (byte)((q0 & 15) | ((q2 & 15) << 4));
                b->Low[64 * h + 32 + i] = (byte)((q1 & 15) | ((q3 & 15) << 4));
                b->High[32 * h + i] = (byte)((q0 >> 4) | (q1 >> 4 << 2) | (q2 >> 4 << 4) | (q3 >> 4 << 6));
            }
    }
}
