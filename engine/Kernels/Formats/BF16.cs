namespace Edge.Llm.Kernels;

/// <summary>Bfloat16 precision.</summary>
internal unsafe readonly struct BF16 : IFloatFormat
{
    public static GgmlType Type => GgmlType.BF16;

    public static ActivationFormat Activation => ActivationFormat.F32;

    public static float Load(byte* row, int i) => HalfFloat.FromBFloat16(((ushort*)row)[i]);

    public static void Dequantize(byte* block, float* y) => *y = Load(block, 0);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => ScalarFloatDot<BF16>.VecDot(row, k, x);
}
