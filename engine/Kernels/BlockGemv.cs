namespace Edge.Llm.Kernels;

/// <summary>What is left of a Gemm when no whole tile of rows remains.</summary>
internal static unsafe class BlockGemv
{
    /// <summary>Rows from <paramref name="row"/> on, a token at a time.</summary>
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
