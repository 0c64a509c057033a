using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="IQ4_XS"/>.</summary>
internal readonly unsafe struct IQ4_XSEncoder : IScaleSuperBlock
{
    public static GgmlType Type => GgmlType.IQ4_XS;

    public static bool UsesWeights => true;

    public static int BlockBytes => IQ4_XS.Bytes;

    public static int Length => 32;

    public static int LowestScale => -32;

    public static ReadOnlySpan<float> Grid => IQ4_NLEncoder.Grid;

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        ScaleSuperBlock<TLanes, IQ4_XSEncoder, IQ4_NLLevels>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int firstLane, ushort d, ReadOnlySpan<float> scales)
    {
        var b = (IQ4_XS*)block;
        b->D = d;
        b->ScalesHigh = 0;
        new Span<byte>(b->ScalesLow, 4).Clear();
        for (int j = 0; j < 8; j++)
        {
            int scale = (int)scales[j] + 32;
            b->ScalesLow[j / 2] |= (byte)((scale & 15) << (j % 2 * 4));
            b->ScalesHigh |= (ushort)(scale >> 4 << (2 * j));
            IQ4_NLEncoder.PackLevels(b->Qs + 16 * j, tile, firstLane + j);
        }
    }
}
