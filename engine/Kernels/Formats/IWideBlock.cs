namespace Edge.Llm.Kernels;

/// <summary>A weight format whose blocks are several runs of 32 values: what it says of one run; <see cref="WideBlock"/> has the loop over
/// a row.</summary>
internal unsafe interface IWideBlock : IBlockFormat, IBlockLayout
{
    /// <summary>Bytes of one block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Runs of 32 in a block: 2 or 4.</summary>
    static abstract int Runs { get; }

    /// <summary>A run's share of a dot product with 32 quantized activations of scale <paramref name="dx"/>.</summary>
    static abstract float Dot(byte* block, int run, sbyte* q, float dx);
}

/// <summary>The scalar reference that these formats share.</summary>
internal static unsafe class WideBlock
{
    /// <summary>Dot product of a row with one token's groups (<see cref="Q8_32"/>).</summary>
    public static float VecDot<T>(byte* row, int k, byte* x, nint groupStride) where T : IWideBlock
    {
        float acc = 0;
        float* p = stackalloc float[8];
        for (; k > 0; k -= 256, row += 8 / T.Runs * T.BlockBytes, x += groupStride)
        {
            var a = (Q8_32*)x;
            for (int b = 0; b < 8; b++)
                p[b] = 32 * b < k ? T.Dot(row + (b / T.Runs * T.BlockBytes), b % T.Runs, a->Qs + 32 * b, a->D[b]) : 0;
            acc = Canonical.Group(acc, p);
        }
        return acc;
    }
}
