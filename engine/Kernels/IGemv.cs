namespace Edge.Llm.Kernels;

/// <summary>A kernel for one token, as a type argument.</summary>
internal unsafe interface IGemv
{
    /// <summary>dst[r] for one token.</summary>
    static abstract void Run(MatMulArgs* args);
}

/// <summary>The end of a Gemm.</summary>
internal static unsafe class LeftoverRows
{
    /// <summary>Rows from <paramref name="row"/> on, which fill no whole tile, a token at a time.</summary>
    public static void EachToken(MatMulArgs* args, int row, delegate*<MatMulArgs*, void> gemv)
    {
        MatMulArgs one = *args;
        one.W += row * args->RowBytes;
        one.Rows -= row;
        one.Dst += row;
        one.Tokens = 1;
        for (int t = 0; t < args->Tokens; t++, one.X += args->XTokenStride, one.Dst += args->DstStride) gemv(&one);
    }
}
