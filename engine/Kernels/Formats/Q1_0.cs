using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>1.125 bits a weight: blocks of 128, w = D if the value's bit is set, else -D.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q1_0 : IWideBlock
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 18;

    /// <summary>Scale, half precision.</summary>
    public ushort D;

    /// <summary>Bit i is value i's.</summary>
    public fixed byte Qs[16];

    public static GgmlType Type => GgmlType.Q1_0;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 2 * Bytes;

    public static int Runs => 4;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q1_0*)block;
        float d = HalfFloat.ToSingle(b->D);
        for (int i = 0; i < 128; i++) y[i] = d * b->Quant(i);
    }

    public static float Dot(byte* block, int run, sbyte* q, float dx)
    {
        var b = (Q1_0*)block;
        int isum = 0;
        for (int i = 0; i < 32; i++) isum += b->Quant(32 * run + i) * q[i];
        return Canonical.Block(isum, HalfFloat.ToSingle(b->D), dx);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => WideBlock.VecDot<Q1_0>(row, k, x, groupStride);

    private int Quant(int i) => ((Qs[i / 8] >> (i % 8)) & 1) * 2 - 1;
}
