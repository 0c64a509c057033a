using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>5 bits a weight: blocks of 32, w = D * q + M, q in 0..15.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q4_1 : INibbles
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 20;

    /// <summary>Scale, half precision.</summary>
    public ushort D;

    /// <summary>Minimum, half precision.</summary>
    public ushort M;

    /// <summary>Low four bits: values 0..15 in the low nibbles, 16..31 in the high ones.</summary>
    public fixed byte Qs[16];

    public static GgmlType Type => GgmlType.Q4_1;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 8 * Bytes;

    public static bool HasMins => true;

    public static bool HasHigh => false;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q4_1*)block;
        float d = HalfFloat.ToSingle(b->D), m = HalfFloat.ToSingle(b->M);
        for (int i = 0; i < 32; i++) y[i] = d * b->Quant(i) + m;
    }

    public static float Dot(byte* block, sbyte* q, float dx, int sum)
    {
        var b = (Q4_1*)block;
        int isum = 0;
        for (int i = 0; i < 32; i++) isum += b->Quant(i) * q[i];
        return Canonical.Block(isum, HalfFloat.ToSingle(b->D), dx, HalfFloat.ToSingle(b->M), sum);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => Block32.VecDot<Q4_1>(row, k, x, groupStride);

    private int Quant(int i) => (Qs[i % 16] >> (i / 16 * 4)) & 15;
}
