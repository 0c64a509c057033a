using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q5_1"/>.</summary>
internal readonly unsafe struct Q5_1Encoder : IAffineBlock
{
    public static GgmlType Type => GgmlType.Q5_1;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q5_1.Bytes;

    public static int HighestLevel => 31;

    public static ReadOnlySpan<float> Grid => [29.5f, 29.75f, 30, 30.25f, 30.5f, 30.75f, 31, 31.25f, 31.5f, 31.75f, 32, 32.5f];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        AffineBlock<TLanes, Q5_1Encoder>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int lane, ushort d, ushort m)
    {
        var b = (Q5_1*)block;
        b->D = d;
        b->M = m;
        int high = 0;
        for (int i = 0; i < 16; i++)
        {
            int low = tile.Level(lane, i), up = tile.Level(lane, i + 16);
            b->Qs[i] = (byte)((low & 15) | ((up & 15) << 4));
            high |= (low >> 4 << i) | (up >> 4 << (i + 16));
        }
        for (int i = 0; i < 4; i++) b->Qh[i] = (byte)(high >> (8 * i));
    }
}
