using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Turns rows of floats into blocks of one tensor type.</summary>
internal unsafe interface IRowEncoder
{
    /// <summary>The tensor type.</summary>
    static abstract GgmlType Type { get; }

    /// <summary>Whether it asks for the weights of values.</summary>
    static abstract bool UsesWeights { get; }

    /// <summary>Encodes one row of <paramref name="k"/> values, a multiple of the block's length. <paramref name="weights"/> tell how much
    /// an error of each value counts; <paramref name="memory"/> is working memory of <see cref="RowEncoders.MemoryFloats"/>, aligned to 64
    /// bytes.</summary>
    static abstract void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes>;
}
