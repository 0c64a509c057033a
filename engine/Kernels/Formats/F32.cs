namespace Edge.Llm.Kernels;

/// <summary>A float weight format: one value a block, multiplied with float activations in 16 virtual lanes.</summary>
internal unsafe interface IFloatFormat : IBlockFormat
{
    /// <summary>Value i of a row.</summary>
    static abstract float Load(byte* row, int i);
}

/// <summary>The scalar dot product of the float formats: element i in lane i mod 16, FMA ascending, then the tree.</summary>
internal static unsafe class ScalarFloatDot<TFormat> where TFormat : unmanaged, IFloatFormat
{
    /// <inheritdoc cref="IBlockFormat.VecDot"/>
    public static float VecDot(byte* row, int k, byte* x)
    {
        float* lanes = stackalloc float[16];
        for (int i = 0; i < k; i++) lanes[i % 16] = MathF.FusedMultiplyAdd(TFormat.Load(row, i), ((float*)x)[i], lanes[i % 16]);
        return Canonical.Tree16(lanes);
    }
}

/// <summary>Single precision.</summary>
internal unsafe readonly struct F32 : IFloatFormat
{
    public static GgmlType Type => GgmlType.F32;

    public static ActivationFormat Activation => ActivationFormat.F32;

    public static float Load(byte* row, int i) => ((float*)row)[i];

    public static void Dequantize(byte* block, float* y) => *y = Load(block, 0);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => ScalarFloatDot<F32>.VecDot(row, k, x);
}
