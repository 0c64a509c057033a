namespace Edge.Llm.Kernels;

/// <summary>Half precision.</summary>
internal unsafe readonly struct F16 : IFloatFormat
{
    public static GgmlType Type => GgmlType.F16;

    public static ActivationFormat Activation => ActivationFormat.F32;

    public static float Load(byte* row, int i) => HalfFloat.ToSingle(((ushort*)row)[i]);

    public static void Dequantize(byte* block, float* y) => *y = Load(block, 0);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => ScalarFloatDot<F16>.VecDot(row, k, x);
}
