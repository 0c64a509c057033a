using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>2.625 bits a weight: a super-block of 16 blocks of 16, w = D * scale * q - DMin * min, q in 0..3; scale and minimum are the low
/// and high nibble of a byte. Value 128h + 32j + i stands in bits 2j and 2j+1 of Qs[32h + i].</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q2_K : IBlockFormat, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 84;

    /// <summary>A block's scale (low nibble) and minimum (high nibble).</summary>
    public fixed byte Scales[16];

    /// <summary>Two bits a value.</summary>
    public fixed byte Qs[64];

    /// <summary>Scale of the block scales, half precision.</summary>
    public ushort D;

    /// <summary>Scale of the minimums, half precision.</summary>
    public ushort DMin;

    public static GgmlType Type => GgmlType.Q2_K;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)(block + 80);

    public static bool HasMins => true;

    public static bool ScalesPer16 => true;

    /// <summary>All four products of a block of 16: 4 * 2 * 3 * 127 = 3,048.</summary>
    public static int ProductsPerInt16 => 4;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q2_K*)block;
        float d = HalfFloat.ToSingle(b->D), dmin = HalfFloat.ToSingle(b->DMin);
        for (int j = 0; j < 16; j++)
            for (int i = 0; i < 16; i++) y[16 * j + i] = d * (b->Scales[j] & 15) * b->Quant(16 * j + i) - dmin * (b->Scales[j] >> 4);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride)
    {
        float acc = 0;
        for (int n = 0; n < k; n += 256, row += Bytes, x += groupStride)
        {
            var w = (Q2_K*)row;
            var a = (Q8_K*)x;
            int isum = 0, msum = 0;
            for (int j = 0; j < 16; j++)
            {
                int sum = 0;
                for (int i = 0; i < 16; i++) sum += w->Quant(16 * j + i) * a->Qs[16 * j + i];
                isum += (w->Scales[j] & 15) * sum;
                msum += (w->Scales[j] >> 4) * a->Sums16[j];
            }
            acc = Canonical.SuperBlock(acc, isum, HalfFloat.ToSingle(w->D), msum, HalfFloat.ToSingle(w->DMin), a->D);
        }
        return acc;
    }

    private int Quant(int i) => (Qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
}
