using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A few rows' groups of 256 values, unpacked, and their product with a few tokens.</summary>
internal unsafe interface ITileAdvSimd
{
    /// <summary>Rows of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary>Tokens multiplied at a time.</summary>
    static abstract int Tokens { get; }

    /// <summary>Bytes of a tile.</summary>
    static abstract int Bytes { get; }

    /// <summary>Bytes of a row's packed group.</summary>
    static abstract int GroupBytes { get; }

    /// <summary>Unpacks a group of <see cref="Rows"/> rows; <paramref name="k"/> values (at most 256) are left in each.</summary>
    static abstract void Unpack(byte* w, nint rowBytes, int k, byte* tile);

    /// <summary>Adds the group's share of successive tiles for 1..<see cref="Tokens"/> tokens (more count as that many): row r of token t at
    /// sums[t * <see cref="MatMulArgs.TileRows"/> + r].</summary>
    static abstract void Multiply(byte* tile, int tiles, byte* x, nint tokenStride, int tokens, float* sums);
}

/// <summary>Matrix times many tokens: up to 32 rows' groups are unpacked at a time, for all tokens, and stay in the first-level cache. Rows
/// that fill no tile are multiplied row by row.</summary>
internal static unsafe class TileGemmAdvSimd<TTile> where TTile : struct, ITileAdvSimd
{
    /// <summary>dst[t, r] for every token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gemm<TGemv>(MatMulArgs* a) where TGemv : IGemv
    {
        int tiled = a->Rows / TTile.Rows * TTile.Rows;
        float* sums = (float*)a->Scratch;
        byte* tiles = a->Scratch + (a->Tokens * MatMulArgs.TileRows * sizeof(float));
        for (int first = 0; first < tiled; first += MatMulArgs.TileRows)
        {
            int rows = Math.Min(MatMulArgs.TileRows, tiled - first);
            byte* w = a->W + (first * a->RowBytes), x = a->X;
            Clear(sums, a->Tokens);
            for (int k = a->K; k > 0; k -= 256, w += TTile.GroupBytes, x += a->XGroupStride)
            {
                byte* tile = tiles;
                for (int r = 0; r < rows; r += TTile.Rows, tile += TTile.Bytes)
                    TTile.Unpack(w + (r * a->RowBytes), a->RowBytes, Math.Min(k, 256), tile);
                for (int t = 0; t < a->Tokens; t += TTile.Tokens)
                    TTile.Multiply(
                        tiles, rows / TTile.Rows, x + (t * a->XTokenStride), a->XTokenStride, a->Tokens - t, sums + (t * MatMulArgs.TileRows));
            }
            for (int t = 0; t < a->Tokens; t++)
                for (int r = 0; r < rows; r++)
                    a->Dst[(t * a->DstStride) + first + r] = sums[(t * MatMulArgs.TileRows) + r];
        }
        if (tiled < a->Rows) LeftoverRows.EachToken(a, tiled, &TGemv.Run);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Clear(float* sums, int tokens)
    {
        for (int i = 0; i < tokens * MatMulArgs.TileRows; i += 4) AdvSimd.Store(sums + i, Vector128<float>.Zero);
    }
}
