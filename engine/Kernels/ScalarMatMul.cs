namespace Edge.Llm.Kernels;

/// <summary>Matmul by the formats' scalar reference: what every other kernel must equal.</summary>
internal static unsafe class ScalarMatMul<TFormat> where TFormat : unmanaged, IBlockFormat
{
    /// <summary>dst[r] for one token.</summary>
    public static void Gemv(MatMulArgs* a)
    {
        for (int r = 0; r < a->Rows; r++)
            a->Dst[r] = TFormat.VecDot(a->W + (r * a->RowBytes), a->K, a->X, a->XGroupStride);
    }

    /// <summary>dst[t, r] for every token.</summary>
    public static void Gemm(MatMulArgs* a)
    {
        for (int t = 0; t < a->Tokens; t++)
            for (int r = 0; r < a->Rows; r++)
                a->Dst[(t * a->DstStride) + r] =
                    TFormat.VecDot(a->W + (r * a->RowBytes), a->K, a->X + (t * a->XTokenStride), a->XGroupStride);
    }
}
