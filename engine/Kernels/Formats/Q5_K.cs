using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>5.5 bits a weight: a super-block of 8 blocks of 32, w = D * scale * q - DMin * min, q in 0..31; scales and minimums as in
/// <see cref="Q4_K"/>. Low nibbles as in Q4_K; block j's fifth bit of value i is bit j of HighBits[i].</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q5_K : IBlockFormat, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 176;

    /// <summary>Scale of the block scales, half precision.</summary>
    public ushort D;

    /// <summary>Scale of the minimums, half precision.</summary>
    public ushort DMin;

    /// <summary>Packed scales and minimums: <see cref="Q4_K.ScaleMin"/>.</summary>
    public fixed byte Scales[12];

    /// <summary>One bit a value, the fifth.</summary>
    public fixed byte HighBits[32];

    /// <summary>Nibbles.</summary>
    public fixed byte Qs[128];

    public static GgmlType Type => GgmlType.Q5_K;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)block;

    public static bool HasMins => true;

    /// <summary>4 * 2 * 31 * 127 = 31,496.</summary>
    public static int ProductsPerInt16 => 4;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q5_K*)block;
        float d = HalfFloat.ToSingle(b->D), dmin = HalfFloat.ToSingle(b->DMin);
        for (int j = 0; j < 8; j++)
        {
            (int scale, int min) = Q4_K.ScaleMin(b->Scales, j);
            for (int i = 0; i < 32; i++) y[32 * j + i] = d * scale * b->Quant(j, i) - dmin * min;
        }
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride)
    {
        float acc = 0;
        for (int n = 0; n < k; n += 256, row += Bytes, x += groupStride)
        {
            var w = (Q5_K*)row;
            var a = (Q8_K*)x;
            int isum = 0, msum = 0;
            for (int j = 0; j < 8; j++)
            {
                (int scale, int min) = Q4_K.ScaleMin(w->Scales, j);
                int sum = 0;
                for (int i = 0; i < 32; i++) sum += w->Quant(j, i) * a->Qs[32 * j + i];
                isum += scale * sum;
                msum += min * a->Sums32[j];
            }
            acc = Canonical.SuperBlock(acc, isum, HalfFloat.ToSingle(w->D), msum, HalfFloat.ToSingle(w->DMin), a->D);
        }
        return acc;
    }

    private int Quant(int j, int i) => ((Qs[j / 2 * 32 + i] >> (j % 2 * 4)) & 15) | (((HighBits[i] >> j) & 1) << 4);
}
