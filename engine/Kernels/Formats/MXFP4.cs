using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>4.25 bits a weight: blocks of 32 of the Open Compute Project's microscaling format MXFP4, w = 2^(E - 127) * an E2M1 number.
/// The numbers are 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives; here they are doubled, and the scale is halved.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct MXFP4 : IBlock32
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 17;

    /// <summary>Exponent of the scale. (255, which stands for NaN, is read as a power like the others, as in llama.cpp.)</summary>
    public byte E;

    /// <summary>E2M1 numbers: values 0..15 in the low nibbles, 16..31 in the high ones.</summary>
    public fixed byte Qs[16];

    /// <summary>Twice the E2M1 numbers, by their bits: sign, two of exponent, one of mantissa.</summary>
    public static ReadOnlySpan<sbyte> Values => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    public static GgmlType Type => GgmlType.MXFP4;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 8 * Bytes;

    /// <summary>2^(e - 128), exact: subnormal for 0 and 1.</summary>
    public static float Scale(byte e) => BitConverter.Int32BitsToSingle(e < 2 ? 0x00200000 << e : (e - 1) << 23);

    public static void Dequantize(byte* block, float* y)
    {
        var b = (MXFP4*)block;
        float d = Scale(b->E);
        for (int i = 0; i < 32; i++) y[i] = d * b->Quant(i);
    }

    public static float Dot(byte* block, sbyte* q, float dx, int sum)
    {
        var b = (MXFP4*)block;
        int isum = 0;
        for (int i = 0; i < 32; i++) isum += b->Quant(i) * q[i];
        return Canonical.Block(isum, Scale(b->E), dx);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => Block32.VecDot<MXFP4>(row, k, x, groupStride);

    private int Quant(int i) => Values[(Qs[i % 16] >> (i / 16 * 4)) & 15];
}
