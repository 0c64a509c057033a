namespace Edge.Llm.Kernels;

/// <summary>What a weight format multiplies with. A packed batch of activations is addressed by group g of 256 values and token t:
/// <c>x + g * groupStride + t * tokenStride</c>.</summary>
internal enum ActivationFormat
{
    /// <summary>Floats as they are: for F32, F16 and BF16 weights. Rows are padded with +0 to a multiple of 16; a group is 1024 bytes.</summary>
    F32,

    /// <summary>Super-blocks of 256 with one scale: <see cref="Kernels.Q8_K"/>.</summary>
    Q8_K,

    /// <summary>Groups of eight blocks of 32 with a scale each: <see cref="Kernels.Q8_32"/>.</summary>
    Q8_32,
}
