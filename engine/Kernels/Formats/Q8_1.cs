using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>9 bits a weight: blocks of 32, w = D * q, q a signed byte. ggml's form of activations; as weights it has no SIMD kernels.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q8_1 : IBlock32
{
    /// <summary>Bytes of one block.</summary>
    public const int Bytes = 36;

    /// <summary>Scale, half precision.</summary>
    public ushort D;

    /// <summary>D times the sum of the values, half precision: not used.</summary>
    public ushort S;

    /// <summary>Values.</summary>
    public fixed sbyte Qs[32];

    public static GgmlType Type => GgmlType.Q8_1;

    public static ActivationFormat Activation => ActivationFormat.Q8_32;

    public static int BlockBytes => Bytes;

    public static int GroupBytes => 8 * Bytes;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q8_1*)block;
        float d = HalfFloat.ToSingle(b->D);
        for (int i = 0; i < 32; i++) y[i] = d * b->Qs[i];
    }

    public static float Dot(byte* block, sbyte* q, float dx, int sum)
    {
        var b = (Q8_1*)block;
        int isum = 0;
        for (int i = 0; i < 32; i++) isum += b->Qs[i] * q[i];
        return Canonical.Block(isum, HalfFloat.ToSingle(b->D), dx);
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => Block32.VecDot<Q8_1>(row, k, x, groupStride);
}
