namespace Edge.Llm.Quantization;

/// <summary>Turns rows of floats into blocks of one tensor type: (x, weights or null, k, row, memory). <c>x</c> and <c>weights</c> have k
/// values, a multiple of the block's length; <c>memory</c> is working memory of <see cref="RowEncoders.MemoryFloats"/>, aligned to 64 bytes.</summary>
internal unsafe interface IRowEncoder
{
    /// <summary>The tensor type.</summary>
    static abstract Edge.Llm.Gguf.GgmlType Type { get; }

    /// <summary>Encodes one row.</summary>
    static abstract void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, Edge.Llm.Kernels.ILanes<TLanes>;
}
