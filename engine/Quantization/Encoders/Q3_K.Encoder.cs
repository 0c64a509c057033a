using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q3_K"/>.</summary>
internal readonly unsafe struct Q3_KEncoder : IScaleSuperBlock
{
    public static GgmlType Type => GgmlType.Q3_K;

    public static bool UsesWeights => true;

    public static int BlockBytes => Q3_K.Bytes;

    public static int Length => 16;

    public static int LowestScale => -32;

    public static ReadOnlySpan<float> Grid => [-3.25f, -3.5f, -3.75f, -4, -4.25f, -4.5f, -5, 2.5f, 2.75f, 3, 3.25f, 3.5f, 4];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        ScaleSuperBlock<TLanes, Q3_KEncoder, SignedLevels<Bits3>>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int firstLane, ushort d, ReadOnlySpan<float> scales)
    {
        var b = (Q3_K*)block;
        b->D = d;
        new Span<byte>(b->Scales, 12).Clear();
        for (int j = 0; j < 16; j++)
        {
            int scale = (int)scales[j] + 32;
            b->Scales[j % 8] |= (byte)((scale & 15) << (j / 8 * 4));
            b->Scales[8 + j % 4] |= (byte)(scale >> 4 << (j / 4 * 2));
        }
        new Span<byte>(b->HighBits, 32).Clear();
        for (int h = 0; h < 2; h++)
            for (int i = 0; i < 32; i++)
            {
                int low = 0, high = 0;
                for (int j = 0; j < 4; j++)
                {
                    int q = tile.Level(8 * h + 2 * j + i / 16, i % 16) + 4;
                    low |= (q & 3) << (2 * j);
                    high |= q >> 2 << j;
                }
                b->Qs[32 * h + i] = (byte)low;
                b->HighBits[i] |= (byte)(high << (4 * h));
            }
    }
}
