using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>4.5 bits a weight: a super-block of 8 blocks of 32, w = D * scale * q - DMin * min, q in 0..15; scales and minimums have
/// 6 bits, packed 8 + 8 in 12 bytes. Values 64i..64i+31 are the low nibbles of Qs[32i..], 64i+32..64i+63 the high ones.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q4_K : IBlockFormat, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 144;

    /// <summary>Scale of the block scales, half precision.</summary>
    public ushort D;

    /// <summary>Scale of the minimums, half precision.</summary>
    public ushort DMin;

    /// <summary>Packed scales and minimums: <see cref="ScaleMin"/>.</summary>
    public fixed byte Scales[12];

    /// <summary>Nibbles.</summary>
    public fixed byte Qs[128];

    public static GgmlType Type => GgmlType.Q4_K;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)block;

    public static bool HasMins => true;

    /// <summary>8 * 2 * 15 * 127 = 30,480.</summary>
    public static int ProductsPerInt16 => 8;

    /// <summary>Block j's 6-bit scale and minimum (Q5_K packs them alike): the first four stand in the low 6 bits of bytes 0..3 and 4..7;
    /// the last four have their low nibbles in bytes 8..11 and their two high bits at the top of bytes 0..7.</summary>
    public static (int Scale, int Min) ScaleMin(byte* scales, int j) => j < 4
        ? (scales[j] & 63, scales[j + 4] & 63)
        : ((scales[j + 4] & 15) | (scales[j - 4] >> 6 << 4), (scales[j + 4] >> 4) | (scales[j] >> 6 << 4));

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q4_K*)block;
        float d = HalfFloat.ToSingle(b->D), dmin = HalfFloat.ToSingle(b->DMin);
        for (int j = 0; j < 8; j++)
        {
            (int scale, int min) = ScaleMin(b->Scales, j);
            for (int i = 0; i < 32; i++) y[32 * j + i] = d * scale * b->Quant(j, i) - dmin * min;
        }
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride)
    {
        float acc = 0;
        for (int n = 0; n < k; n += 256, row += Bytes, x += groupStride)
        {
            var w = (Q4_K*)row;
            var a = (Q8_K*)x;
            int isum = 0, msum = 0;
            for (int j = 0; j < 8; j++)
            {
                (int scale, int min) = ScaleMin(w->Scales, j);
                int sum = 0;
                for (int i = 0; i < 32; i++) sum += w->Quant(j, i) * a->Qs[32 * j + i];
                isum += scale * sum;
                msum += min * a->Sums32[j];
            }
            acc = Canonical.SuperBlock(acc, isum, HalfFloat.ToSingle(w->D), msum, HalfFloat.ToSingle(w->DMin), a->D);
        }
        return acc;
    }

    private int Quant(int j, int i) => (Qs[j / 2 * 32 + i] >> (j % 2 * 4)) & 15;
}
