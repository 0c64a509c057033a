using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>3.4375 bits a weight: a super-block of 16 blocks of 16, w = D * scale * (q - 4), q in 0..7, scale in -32..31. Value
/// 128h + 32j + i has its low bits in bits 2j and 2j+1 of Qs[32h + i] and its high one in bit 4h + j of HighBits[i].</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q3_K : IBlockFormat, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 110;

    /// <summary>One bit a value, the third.</summary>
    public fixed byte HighBits[32];

    /// <summary>Two bits a value.</summary>
    public fixed byte Qs[64];

    /// <summary>Packed scales: <see cref="Scale"/>.</summary>
    public fixed byte Scales[12];

    /// <summary>Scale of the block scales, half precision.</summary>
    public ushort D;

    public static GgmlType Type => GgmlType.Q3_K;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)(block + 106);

    public static bool ScalesPer16 => true;

    /// <summary>All four products of a block of 16: 4 * 2 * 7 * 127 = 7,112.</summary>
    public static int ProductsPerInt16 => 4;

    /// <summary>Block j's 6-bit scale, less 32: low nibbles in the low, then the high nibbles of bytes 0..7; two high bits in bits
    /// 2(j/4) of byte 8 + j%4.</summary>
    public static int Scale(byte* scales, int j) =>
        (((scales[j % 8] >> (j / 8 * 4)) & 15) | (((scales[8 + j % 4] >> (j / 4 * 2)) & 3) << 4)) - 32;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q3_K*)block;
        float d = HalfFloat.ToSingle(b->D);
        for (int j = 0; j < 16; j++)
            for (int i = 0; i < 16; i++) y[16 * j + i] = d * Scale(b->Scales, j) * b->Quant(16 * j + i);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride)
    {
        float acc = 0;
        for (int n = 0; n < k; n += 256, row += Bytes, x += groupStride)
        {
            var w = (Q3_K*)row;
            var a = (Q8_K*)x;
            int isum = 0;
            for (int j = 0; j < 16; j++)
            {
                int sum = 0;
                for (int i = 0; i < 16; i++) sum += w->Quant(16 * j + i) * a->Qs[16 * j + i];
                isum += Scale(w->Scales, j) * sum;
            }
            acc = Canonical.SuperBlock(acc, isum, HalfFloat.ToSingle(w->D), a->D);
        }
        return acc;
    }

    private int Quant(int i) =>
        (((Qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3) | (((HighBits[i % 32] >> (i / 32)) & 1) << 2)) - 4;
}
