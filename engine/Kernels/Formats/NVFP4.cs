using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>4.5 bits a weight: a block of 4 blocks of 16, w = an unsigned E4M3 scale * an E2M1 number. As in <see cref="MXFP4"/> the numbers
/// are doubled here, and the scales are halved.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct NVFP4 : IWideBlock
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 36;

    /// <summary>Scales of 16 values: <see cref="Scale"/>.</summary>
    public fixed byte D[4];

    /// <summary>E2M1 numbers, 8 bytes for 16 values: the first eight in the low nibbles, the others in the high ones.</summary>
    public fixed byte Qs[32];

    public static GgmlType Type => GgmlType.NVFP4;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 4 * Bytes;

    public static int Runs => 2;

    public static bool ScalesPer16 => true;

    /// <summary>Half of an unsigned E4M3 number: four bits of exponent (bias 7), three of mantissa, subnormals; the top bit does not count.
    /// 0x7f, which stands for NaN, is read as 0, and 0xff as 480, as in llama.cpp.</summary>
    public static float Scale(byte d)
    {
        if (d == 0x7f) return 0;
        int bits = d & 0x7f;
        // A subnormal counts for 2^-9, half of it for 2^-10. Otherwise bits shifted into place lack 127 - 7 of the exponent, less 1 for the half.
        return bits < 8 ? bits * (1f / 1024) : BitConverter.Int32BitsToSingle((bits << 20) + (119 << 23));
    }

    public static void Dequantize(byte* block, float* y)
    {
        var b = (NVFP4*)block;
        for (int i = 0; i < 64; i++) y[i] = Scale(b->D[i / 16]) * b->Quant(i);
    }

    /// <summary>Two terms, one for each scale.</summary>
    public static float Dot(byte* block, int run, sbyte* q, float dx)
    {
        var b = (NVFP4*)block;
        int first = 0, second = 0;
        for (int i = 0; i < 16; i++)
        {
            first += b->Quant(32 * run + i) * q[i];
            second += b->Quant(32 * run + 16 + i) * q[16 + i];
        }
        return Canonical.Block(first, Scale(b->D[2 * run]), dx) + Canonical.Block(second, Scale(b->D[2 * run + 1]), dx);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => WideBlock.VecDot<NVFP4>(row, k, x, groupStride);

    private int Quant(int i) => MXFP4.Values[(Qs[i / 16 * 8 + i % 8] >> (i % 16 / 8 * 4)) & 15];
}
