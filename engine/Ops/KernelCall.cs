using Edge.Llm.Kernels;

namespace Edge.Llm.Ops;

/// <summary>One product of a matmul: its kernel, its arguments, and the chunks of a run that its rows are split into.</summary>
internal unsafe struct KernelCall
{
    private readonly MatMulArgs _args;

    /// <summary>The product of x with a weight, whose rows begin with chunk <paramref name="firstChunk"/>.</summary>
    /// <param name="kernel">The weight's kernels.</param>
    /// <param name="weight">The weight.</param>
    /// <param name="x">The input's rows in the form that the kernels read.</param>
    /// <param name="dst">Where the result goes: as many rows as the input has.</param>
    /// <param name="chunkWork">Bytes of weights times rows of input that a chunk should go through.</param>
    /// <param name="firstChunk">Index of the first chunk.</param>
    public KernelCall(KernelRow kernel, Tensor weight, PackedView x, FloatRows dst, long chunkWork, int firstChunk)
    {
        int rows = (int)Math.Min(weight.Ne1, chunkWork / (weight.RowBytes * dst.Count));
        RowsPerChunk = Math.Max(MatMulArgs.TileRows, (rows + MatMulArgs.TileRows - 1) / MatMulArgs.TileRows * MatMulArgs.TileRows);
        FirstChunk = firstChunk;
        EndChunk = firstChunk + (((int)weight.Ne1 + RowsPerChunk - 1) / RowsPerChunk);
        Kernel = dst.Count == 1 ? kernel.Gemv : kernel.Gemm;
        _args = new MatMulArgs
        {
            W = weight.Pointer, RowBytes = (nint)weight.RowBytes, Rows = (int)weight.Ne1, K = (int)weight.Ne0,
            X = x.X, XTokenStride = x.TokenStride, XGroupStride = x.GroupStride, Tokens = dst.Count, Dst = dst.Data, DstStride = dst.Stride,
        };
    }

    /// <summary>The kernel.</summary>
    public delegate*<MatMulArgs*, void> Kernel { get; }

    /// <summary>Rows of the weight that a chunk has.</summary>
    public int RowsPerChunk { get; }

    /// <summary>Index of the first chunk.</summary>
    public int FirstChunk { get; }

    /// <summary>Index behind the last chunk.</summary>
    public int EndChunk { get; }

    /// <summary>The arguments of one of its chunks.</summary>
    public readonly MatMulArgs ArgsOf(int chunk)
    {
        MatMulArgs args = _args;
        int row = (chunk - FirstChunk) * RowsPerChunk;
        args.W += row * args.RowBytes;
        args.Dst += row;
        args.Rows = Math.Min(args.Rows - row, RowsPerChunk);
        return args;
    }
}
