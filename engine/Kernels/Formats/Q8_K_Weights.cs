using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>9.125 bits a weight: tensors of type Q8_K, a super-block of 256, w = D * q, q a signed byte. ggml's form of activations; as
/// weights it has no SIMD kernels. (This engine's own activations are <see cref="Q8_K"/>.)</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q8_K_Weights : IBlockFormat
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 292;

    /// <summary>Scale.</summary>
    public float D;

    /// <summary>Values.</summary>
    public fixed sbyte Qs[256];

    /// <summary>Sums of 16 values: not used.</summary>
    public fixed short Sums[16];

    public static GgmlType Type => GgmlType.Q8_K;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static void Dequantize(byte* block, float* y)
    {
        var b = (Q8_K_Weights*)block;
        for (int i = 0; i < 256; i++) y[i] = b->D * b->Qs[i];
    }

    public static float VecDot(byte* row, int k, byte* x, nint groupStride)
    {
        float acc = 0;
        for (; k > 0; k -= 256, row += Bytes, x += groupStride)
        {
            var w = (Q8_K_Weights*)row;
            var a = (Q8_K*)x;
            int isum = 0;
            for (int i = 0; i < 256; i++) isum += w->Qs[i] * a->Qs[i];
            acc = Canonical.SuperBlock(acc, isum, w->D, a->D);
        }
        return acc;
    }
}
