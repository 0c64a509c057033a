using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>6.5625 bits a weight: a super-block of 16 blocks of 16, w = D * scale * (q - 32), q in 0..63, scale a signed byte (-128
/// included). Value 128h + 32j + i has its low nibble in Low[64h + 32(j%2) + i] (the low one for j under 2, then the high one) and its
/// high bits in bits 2j and 2j+1 of High[32h + i].</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q6_K : IBlockFormat, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 210;

    /// <summary>Four bits a value.</summary>
    public fixed byte Low[128];

    /// <summary>Two bits a value, the upper ones.</summary>
    public fixed byte High[64];

    /// <summary>Block scales.</summary>
    public fixed sbyte Scales[16];

    /// <summary>Scale of the block scales, half precision.</summary>
    public ushort D;

    public static GgmlType Type => GgmlType.Q6_K;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)(block + 206);

    public static bool ScalesPer16 => true;

    /// <summary>2 * 2 * 63 * 127 = 32,004.</summary>
    public static int ProductsPerInt16 => 2;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q6_K*)block;
        float d = HalfFloat.ToSingle(b->D);
        for (int j = 0; j < 16; j++)
            for (int i = 0; i < 16; i++) y[16 * j + i] = d * b->Scales[j] * b->Quant(16 * j + i);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride)
    {
        float acc = 0;
        for (int n = 0; n < k; n += 256, row += Bytes, x += groupStride)
        {
            var w = (Q6_K*)row;
            var a = (Q8_K*)x;
            int isum = 0;
            for (int j = 0; j < 16; j++)
            {
                int sum = 0;
                for (int i = 0; i < 16; i++) sum += w->Quant(16 * j + i) * a->Qs[16 * j + i];
                isum += w->Scales[j] * sum;
            }
            acc = Canonical.SuperBlock(acc, isum, HalfFloat.ToSingle(w->D), a->D);
        }
        return acc;
    }

    private int Quant(int i)
    {
        int h = i / 128, j = i % 128 / 32, l = i % 32;
        return (((Low[64 * h + j % 2 * 32 + l] >> (j / 2 * 4)) & 15) | (((High[32 * h + l] >> (2 * j)) & 3) << 4)) - 32;
    }
}
