namespace Edge.Llm.Kernels;

/// <summary>What a matmul kernel is given: dst[tokens, rows] = x[tokens, k] * w[rows, k]. Shapes were checked by the Op; the kernel
/// reads no byte outside the rows (prefetches excepted) and writes only dst and scratch.</summary>
internal unsafe struct MatMulArgs
{
    /// <summary>First weight row.</summary>
    public byte* W;

    /// <summary>Bytes from one weight row to the next.</summary>
    public nint RowBytes;

    /// <summary>Weight rows: any number from 1.</summary>
    public int Rows;

    /// <summary>Values a row: a multiple of the format's block length.</summary>
    public int K;

    /// <summary>Packed activations: group g of 256 values of token t is at X + g * XGroupStride + t * XTokenStride.</summary>
    public byte* X;

    /// <summary>Bytes from one token to the next.</summary>
    public nint XTokenStride;

    /// <summary>Bytes from one group of 256 values to the next.</summary>
    public nint XGroupStride;

    /// <summary>Tokens: 1 for Gemv, any number from 1 for Gemm.</summary>
    public int Tokens;

    /// <summary>Result of row r for token t: Dst[t * DstStride + r].</summary>
    public float* Dst;

    /// <summary>Floats from one token's results to the next.</summary>
    public nint DstStride;

    /// <summary>Working memory of one worker, 64-byte aligned: <see cref="GemmScratchBytes"/> for Gemm; unused by Gemv.</summary>
    public byte* Scratch;

    /// <summary>Rows that a tile of every Gemm kernel covers: work is split over threads in multiples of it.</summary>
    public const int TileRows = 32;

    /// <summary>Working memory that a Gemm of this many tokens may use: one unpacked tile of weights with its scales, what waits between
    /// tiles, and a strip of results [tokens][32].</summary>
    public static int GemmScratchBytes(int tokens) => (96 << 10) + (tokens * TileRows * sizeof(float));
}
