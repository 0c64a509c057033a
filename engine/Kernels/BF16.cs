namespace Edge.Llm.Kernels;

/// <summary>Bfloat16 precision.</summary>
internal unsafe readonly struct BF16 : IFloatFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.BF16;

    /// <inheritdoc/>
    public static ActivationFormat Activation => ActivationFormat.F32;

    /// <inheritdoc/>
    public static float Load(byte* row, int i) => HalfFloat.FromBFloat16(((ushort*)row)[i]);

    /// <inheritdoc/>
    public static void Dequantize(byte* block, float* y) => *y = Load(block, 0);

    /// <inheritdoc/>
    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => ScalarFloatDot<BF16>.VecDot(row, k, x);
}
