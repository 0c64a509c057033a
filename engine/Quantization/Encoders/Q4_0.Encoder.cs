using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q4_0"/>.</summary>
internal readonly unsafe struct Q4_0Encoder : IScaleBlock
{
    public static GgmlType Type => GgmlType.Q4_0;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q4_0.Bytes;

    public static ReadOnlySpan<float> Grid => [-7, -7.25f, -7.5f, -7.75f, -8, -8.25f, -8.5f, -9, 6.5f, 6.75f, 7, 7.25f, 7.5f, 8];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        ScaleBlock<TLanes, Q4_0Encoder, SignedLevels<Bits4>>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int lane, ushort d)
    {
        var b = (Q4_0*)block;
        b->D = d;
        for (int i = 0; i < 16; i++) b->Qs[i] = (byte)((tile.Level(lane, i) + 8) | ((tile.Level(lane, i + 16) + 8) << 4));
    }
}
