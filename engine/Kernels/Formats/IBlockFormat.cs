namespace Edge.Llm.Kernels;

/// <summary>A weight format: its block struct implements this with the scalar reference. SIMD kernels of the format give the same bits.</summary>
internal unsafe interface IBlockFormat
{
    /// <summary>The tensor type.</summary>
    static abstract GgmlType Type { get; }

    /// <summary>What activations it multiplies with.</summary>
    static abstract ActivationFormat Activation { get; }

    /// <summary>One block (a block length of values) to floats.</summary>
    static abstract void Dequantize(byte* block, float* y);

    /// <summary>Dot product of one row of <paramref name="k"/> weights with one token's packed activations.</summary>
    static abstract float VecDot(byte* row, int k, byte* x, nint groupStride);
}
