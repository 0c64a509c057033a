using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>2.25 bits a weight: blocks of 64, w = D * (q - 1), q in 0..3.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q2_0 : IWideBlock
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 18;

    /// <summary>Scale, half precision.</summary>
    public ushort D;

    /// <summary>Two bits a value, four consecutive ones a byte, the lowest bits first.</summary>
    public fixed byte Qs[16];

    public static GgmlType Type => GgmlType.Q2_0;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 4 * Bytes;

    public static int Runs => 2;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q2_0*)block;
        float d = HalfFloat.ToSingle(b->D);
        for (int i = 0; i < 64; i++) y[i] = d * b->Quant(i);
    }

    public static float Dot(byte* block, int run, sbyte* q, float dx)
    {
        var b = (Q2_0*)block;
        int isum = 0;
        for (int i = 0; i < 32; i++) isum += b->Quant(32 * run + i) * q[i];
        return Canonical.Block(isum, HalfFloat.ToSingle(b->D), dx);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => WideBlock.VecDot<Q2_0>(row, k, x, groupStride);

    private int Quant(int i) => ((Qs[i / 4] >> (i % 4 * 2)) & 3) - 1;
}
