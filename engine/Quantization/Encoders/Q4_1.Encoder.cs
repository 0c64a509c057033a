using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q4_1"/>.</summary>
internal readonly unsafe struct Q4_1Encoder : IAffineBlock
{
    public static GgmlType Type => GgmlType.Q4_1;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q4_1.Bytes;

    public static int HighestLevel => 15;

    public static ReadOnlySpan<float> Grid => [13.5f, 13.75f, 14, 14.25f, 14.5f, 14.75f, 15, 15.25f, 15.5f, 15.75f, 16, 16.5f];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        AffineBlock<TLanes, Q4_1Encoder>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int lane, ushort d, ushort m)
    {
        var b = (Q4_1*)block;
        b->D = d;
        b->M = m;
        for (int i = 0; i < 16; i++) b->Qs[i] = (byte)(tile.Level(lane, i) | (tile.Level(lane, i + 16) << 4));
    }
}
