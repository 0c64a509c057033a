using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>4.5 bits a weight: blocks of 32, w = D * Values[q], q in 0..15: sixteen levels that are denser around zero.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ4_NL : IBlock32
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 18;

    /// <summary>Scale, half precision.</summary>
    public ushort D;

    /// <summary>Indices: values 0..15 in the low nibbles, 16..31 in the high ones.</summary>
    public fixed byte Qs[16];

    /// <summary>The levels, which <see cref="IQ4_XS"/> has too.</summary>
    public static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    public static GgmlType Type => GgmlType.IQ4_NL;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 8 * Bytes;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (IQ4_NL*)block;
        float d = HalfFloat.ToSingle(b->D);
        for (int i = 0; i < 32; i++) y[i] = d * b->Quant(i);
    }

    public static float Dot(byte* block, sbyte* q, float dx, int sum)
    {
        var b = (IQ4_NL*)block;
        int isum = 0;
        for (int i = 0; i < 32; i++) isum += b->Quant(i) * q[i];
        return Canonical.Block(isum, HalfFloat.ToSingle(b->D), dx);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => Block32.VecDot<IQ4_NL>(row, k, x, groupStride);

    private int Quant(int i) => Values[(Qs[i % 16] >> (i / 16 * 4)) & 15];
}
