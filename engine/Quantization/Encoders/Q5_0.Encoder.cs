using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q5_0"/>.</summary>
internal readonly unsafe struct Q5_0Encoder : IScaleBlock
{
    public static GgmlType Type => GgmlType.Q5_0;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q5_0.Bytes;

    public static ReadOnlySpan<float> Grid => [-15, -15.25f, -15.5f, -15.75f, -16, -16.25f, -16.5f, -17, 14.5f, 14.75f, 15, 15.25f, 15.5f, 16];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        ScaleBlock<TLanes, Q5_0Encoder, SignedLevels<Bits5>>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int lane, ushort d)
    {
        var b = (Q5_0*)block;
        b->D = d;
        int high = 0;
        for (int i = 0; i < 16; i++)
        {
            int low = tile.Level(lane, i) + 16, up = tile.Level(lane, i + 16) + 16;
            b->Qs[i] = (byte)((low & 15) | ((up & 15) << 4));
            high |= (low >> 4 << i) | (up >> 4 << (i + 16));
        }
        for (int i = 0; i < 4; i++) b->Qh[i] = (byte)(high >> (8 * i));
    }
}
