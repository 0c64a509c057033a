using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <content>Many tokens.</content>
internal static unsafe partial class FloatMatMul<TLanes, TLoad>
{
    // A tile of weights, 16 rows x 512 values as floats, fills 32 KB of the L1 cache. Each group of four tokens, 8 KB of it at a time, is
    // read from the L2 cache once a tile; its lanes wait in scratch memory between tiles, those of 64 tokens in 64 KB.
    private const int TileRows = 16, TileK = 512, TileTokens = 4, PassTokens = 64;

    private const int LanesOfToken = TileRows * 16;

    /// <summary>dst[t, r] for every token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Gemm(MatMulArgs* a)
    {
        float* tile = (float*)a->Scratch;             // [TileRows][TileK] weights
        float* lanes = tile + (TileRows * TileK);     // [PassTokens][TileRows][16] partial sums
        for (int first = 0; first < a->Tokens; first += PassTokens)
        {
            int tokens = Math.Min(PassTokens, a->Tokens - first);
            for (int r = 0; r < a->Rows; r += TileRows)
            {
                int rows = Math.Min(TileRows, a->Rows - r);
                NativeMemory.Clear(lanes, (nuint)(tokens * LanesOfToken * sizeof(float)));
                for (int k = 0; k < a->K; k += TileK)
                {
                    int length = Math.Min(TileK, a->K - k);
                    for (int i = 0; i < rows; i++)
                        Unpack(a->W + ((r + i) * a->RowBytes) + ((nint)k * TLoad.ValueBytes), length, tile + (i * TileK));
                    byte* x = a->X + (first * a->XTokenStride) + ((nint)k * sizeof(float));
                    byte* next = k + TileK < a->K
                        ? a->W + (r * a->RowBytes) + ((nint)(k + TileK) * TLoad.ValueBytes)
                        : a->W + ((r + TileRows) * a->RowBytes);
                    MultiplyTile(tile, (rows + 3) / 4, x, a->XTokenStride, tokens, (length + 15) / 16, lanes, next, a->RowBytes);
                }
                for (int t = 0; t < tokens; t++)
                    for (int i = 0; i < rows; i += 4)
                        Store(lanes + (t * LanesOfToken) + (16 * i), Math.Min(4, rows - i), a->Dst + ((first + t) * a->DstStride) + r + i);
            }
        }
    }

    /// <summary>A tile times all tokens of a pass: four rows by four tokens at once where sixteen registers hold the sums, else in
    /// quarters. Rows that the tile lacks of its last four are whatever stood there; their sums are not stored. Meanwhile the next
    /// tile's rows are prefetched, a row every four tokens.</summary>
    private static void MultiplyTile(
        float* tile, int quads, byte* x, nint tokenStride, int tokens, int steps, float* lanes, byte* next, nint rowBytes)
    {
        for (int t = 0; t < tokens; t += TileTokens, x += TileTokens * tokenStride, lanes += TileTokens * LanesOfToken)
        {
            for (int line = 0; line < TileK * TLoad.ValueBytes; line += 64) Prefetch.Read(next + (t / TileTokens * rowBytes) + line);
            for (int q = 0; q < quads; q++)
            {
                float* w = tile + (q * 4 * TileK), sum = lanes + (q * 4 * 16);
                if (t + TileTokens > tokens)
                {
                    for (int i = 0; i < tokens - t; i++) Multiply4x1(w, x + (i * tokenStride), steps, sum + (i * LanesOfToken));
                }
                else if (TLanes.Registers == 1)
                {
                    Multiply4x4(w, x, tokenStride, steps, sum);
                }
                else
                {
                    Multiply2x2(w, x, tokenStride, steps, sum);
                    Multiply2x2(w + (2 * TileK), x, tokenStride, steps, sum + 32);
                    Multiply2x2(w, x + (2 * tokenStride), tokenStride, steps, sum + (2 * LanesOfToken));
                    Multiply2x2(w + (2 * TileK), x + (2 * tokenStride), tokenStride, steps, sum + (2 * LanesOfToken) + 32);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unpack(byte* w, int length, float* tile)
    {
        int whole = length & ~15;
        for (int i = 0; i < whole; i += 16) TLanes.Store(TLoad.Load<TLanes>(w + ((nint)i * TLoad.ValueBytes)), tile + i);
        if (whole == length) return;
        byte* tail = stackalloc byte[64];
        NativeMemory.Clear(tail, 64);
        Unsafe.CopyBlockUnaligned(tail, w + ((nint)whole * TLoad.ValueBytes), (uint)((length - whole) * TLoad.ValueBytes));
        TLanes.Store(TLoad.Load<TLanes>(tail), tile + whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4x4(float* w, byte* x, nint tokenStride, int steps, float* sum)
    {
        float* x0 = (float*)x, x1 = (float*)(x + tokenStride), x2 = (float*)(x + (2 * tokenStride)), x3 = (float*)(x + (3 * tokenStride));
        TLanes s00 = TLanes.Load(sum), s01 = TLanes.Load(sum + 16), s02 = TLanes.Load(sum + 32), s03 = TLanes.Load(sum + 48);
        TLanes s10 = TLanes.Load(sum + LanesOfToken), s11 = TLanes.Load(sum + LanesOfToken + 16), s12 = TLanes.Load(sum + LanesOfToken + 32), s13 = TLanes.Load(sum + LanesOfToken + 48);
        TLanes s20 = TLanes.Load(sum + (2 * LanesOfToken)), s21 = TLanes.Load(sum + (2 * LanesOfToken) + 16), s22 = TLanes.Load(sum + (2 * LanesOfToken) + 32), s23 = TLanes.Load(sum + (2 * LanesOfToken) + 48);
        TLanes s30 = TLanes.Load(sum + (3 * LanesOfToken)), s31 = TLanes.Load(sum + (3 * LanesOfToken) + 16), s32 = TLanes.Load(sum + (3 * LanesOfToken) + 32), s33 = TLanes.Load(sum + (3 * LanesOfToken) + 48);
        for (int i = 0; i < 16 * steps; i += 16)
        {
            TLanes w0 = TLanes.Load(w + i), w1 = TLanes.Load(w + TileK + i), w2 = TLanes.Load(w + (2 * TileK) + i), w3 = TLanes.Load(w + (3 * TileK) + i);
            TLanes v = TLanes.Load(x0 + i);
            s00 = TLanes.Fma(w0, v, s00);
            s01 = TLanes.Fma(w1, v, s01);
            s02 = TLanes.Fma(w2, v, s02);
            s03 = TLanes.Fma(w3, v, s03);
            v = TLanes.Load(x1 + i);
            s10 = TLanes.Fma(w0, v, s10);
            s11 = TLanes.Fma(w1, v, s11);
            s12 = TLanes.Fma(w2, v, s12);
            s13 = TLanes.Fma(w3, v, s13);
            v = TLanes.Load(x2 + i);
            s20 = TLanes.Fma(w0, v, s20);
            s21 = TLanes.Fma(w1, v, s21);
            s22 = TLanes.Fma(w2, v, s22);
            s23 = TLanes.Fma(w3, v, s23);
            v = TLanes.Load(x3 + i);
            s30 = TLanes.Fma(w0, v, s30);
            s31 = TLanes.Fma(w1, v, s31);
            s32 = TLanes.Fma(w2, v, s32);
            s33 = TLanes.Fma(w3, v, s33);
        }
        TLanes.Store(s00, sum);
        TLanes.Store(s01, sum + 16);
        TLanes.Store(s02, sum + 32);
        TLanes.Store(s03, sum + 48);
        TLanes.Store(s10, sum + LanesOfToken);
        TLanes.Store(s11, sum + LanesOfToken + 16);
        TLanes.Store(s12, sum + LanesOfToken + 32);
        TLanes.Store(s13, sum + LanesOfToken + 48);
        TLanes.Store(s20, sum + (2 * LanesOfToken));
        TLanes.Store(s21, sum + (2 * LanesOfToken) + 16);
        TLanes.Store(s22, sum + (2 * LanesOfToken) + 32);
        TLanes.Store(s23, sum + (2 * LanesOfToken) + 48);
        TLanes.Store(s30, sum + (3 * LanesOfToken));
        TLanes.Store(s31, sum + (3 * LanesOfToken) + 16);
        TLanes.Store(s32, sum + (3 * LanesOfToken) + 32);
        TLanes.Store(s33, sum + (3 * LanesOfToken) + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply2x2(float* w, byte* x, nint tokenStride, int steps, float* sum)
    {
        float* w0 = w, w1 = w + TileK, x0 = (float*)x, x1 = (float*)(x + tokenStride);
        TLanes s00 = TLanes.Load(sum), s01 = TLanes.Load(sum + 16), s10 = TLanes.Load(sum + LanesOfToken), s11 = TLanes.Load(sum + LanesOfToken + 16);
        for (int i = 0; i < 16 * steps; i += 16)
        {
            TLanes a0 = TLanes.Load(w0 + i), a1 = TLanes.Load(w1 + i), b = TLanes.Load(x0 + i);
            s00 = TLanes.Fma(a0, b, s00);
            s01 = TLanes.Fma(a1, b, s01);
            b = TLanes.Load(x1 + i);
            s10 = TLanes.Fma(a0, b, s10);
            s11 = TLanes.Fma(a1, b, s11);
        }
        TLanes.Store(s00, sum);
        TLanes.Store(s01, sum + 16);
        TLanes.Store(s10, sum + LanesOfToken);
        TLanes.Store(s11, sum + LanesOfToken + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4x1(float* w, byte* x, int steps, float* sum)
    {
        TLanes s0 = TLanes.Load(sum), s1 = TLanes.Load(sum + 16), s2 = TLanes.Load(sum + 32), s3 = TLanes.Load(sum + 48);
        for (int i = 0; i < 16 * steps; i += 16)
        {
            TLanes b = TLanes.Load((float*)x + i);
            s0 = TLanes.Fma(TLanes.Load(w + i), b, s0);
            s1 = TLanes.Fma(TLanes.Load(w + TileK + i), b, s1);
            s2 = TLanes.Fma(TLanes.Load(w + (2 * TileK) + i), b, s2);
            s3 = TLanes.Fma(TLanes.Load(w + (3 * TileK) + i), b, s3);
        }
        TLanes.Store(s0, sum);
        TLanes.Store(s1, sum + 16);
        TLanes.Store(s2, sum + 32);
        TLanes.Store(s3, sum + 48);
    }
}
