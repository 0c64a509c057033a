using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>How sixteen weights of a float format are loaded.</summary>
internal unsafe interface IFloatLoad
{
    /// <summary>Bytes of a value.</summary>
    static abstract int ValueBytes { get; }

    /// <summary>Sixteen values to floats.</summary>
    static abstract TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes>;
}

/// <summary>F32.</summary>
internal unsafe readonly struct LoadF32 : IFloatLoad
{
    /// <inheritdoc/>
    public static int ValueBytes => 4;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)p);
}

/// <summary>F16.</summary>
internal unsafe readonly struct LoadF16 : IFloatLoad
{
    /// <inheritdoc/>
    public static int ValueBytes => 2;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes> => TLanes.LoadHalf((ushort*)p);
}

/// <summary>BF16.</summary>
internal unsafe readonly struct LoadBF16 : IFloatLoad
{
    /// <inheritdoc/>
    public static int ValueBytes => 2;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes> => TLanes.LoadBFloat16((ushort*)p);
}

/// <summary>Matmul of float weights in sixteen lanes along k. Each output has one chain of FMAs, so several run side by side.</summary>
internal static unsafe class FloatMatMul<TLanes, TLoad> where TLanes : struct, ILanes<TLanes> where TLoad : struct, IFloatLoad
{
    /// <summary>Bytes ahead of the loads that a row is prefetched.</summary>
    private const int PrefetchAhead = 4096;

    private const int TileRows = 4, TileTokens = 4;

    /// <summary>Values of k unpacked at a time: four rows of floats fill 16 KB of the L1 cache.</summary>
    private const int TileK = 1024;

    /// <summary>Tokens a pass over the rows: their lanes, 4 rows x 16 floats each, fill 32 KB.</summary>
    private const int PassTokens = 128;

    /// <summary>dst[r] for one token, four rows at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Gemv(MatMulArgs* a)
    {
        int k = a->K, k16 = k & ~15, bytes = TLoad.ValueBytes;
        nint stride = a->RowBytes;
        float* x = (float*)a->X;
        byte* tails = stackalloc byte[4 * 64];
        for (int r = 0; r < a->Rows; r += 4)
        {
            // Past the end the last row stands in for the missing ones; their results are not stored.
            int rows = Math.Min(4, a->Rows - r);
            byte* w0 = a->W + (r * stride);
            byte* w1 = rows > 1 ? w0 + stride : w0;
            byte* w2 = rows > 2 ? w1 + stride : w1;
            byte* w3 = rows > 3 ? w2 + stride : w2;
            TLanes s0 = TLanes.Zero, s1 = TLanes.Zero, s2 = TLanes.Zero, s3 = TLanes.Zero;
            for (int i = 0; i < k16; i += 16)
            {
                nint at = (nint)i * bytes;
                Prefetch.Read(w0 + at + PrefetchAhead);
                Prefetch.Read(w1 + at + PrefetchAhead);
                Prefetch.Read(w2 + at + PrefetchAhead);
                Prefetch.Read(w3 + at + PrefetchAhead);
                TLanes v = TLanes.Load(x + i);
                s0 = TLanes.Fma(TLoad.Load<TLanes>(w0 + at), v, s0);
                s1 = TLanes.Fma(TLoad.Load<TLanes>(w1 + at), v, s1);
                s2 = TLanes.Fma(TLoad.Load<TLanes>(w2 + at), v, s2);
                s3 = TLanes.Fma(TLoad.Load<TLanes>(w3 + at), v, s3);
            }
            if (k16 < k)
            {
                nint at = (nint)k16 * bytes;
                int tailBytes = (k - k16) * bytes;
                NativeMemory.Clear(tails, 4 * 64);
                Unsafe.CopyBlockUnaligned(tails, w0 + at, (uint)tailBytes);
                Unsafe.CopyBlockUnaligned(tails + 64, w1 + at, (uint)tailBytes);
                Unsafe.CopyBlockUnaligned(tails + 128, w2 + at, (uint)tailBytes);
                Unsafe.CopyBlockUnaligned(tails + 192, w3 + at, (uint)tailBytes);
                TLanes v = TLanes.Load(x + k16);
                s0 = TLanes.Fma(TLoad.Load<TLanes>(tails), v, s0);
                s1 = TLanes.Fma(TLoad.Load<TLanes>(tails + 64), v, s1);
                s2 = TLanes.Fma(TLoad.Load<TLanes>(tails + 128), v, s2);
                s3 = TLanes.Fma(TLoad.Load<TLanes>(tails + 192), v, s3);
            }
            if (rows == 4) TLanes.StoreSums(s0, s1, s2, s3, a->Dst + r);
            else
            {
                a->Dst[r] = TLanes.Sum(s0);
                if (rows > 1) a->Dst[r + 1] = TLanes.Sum(s1);
                if (rows > 2) a->Dst[r + 2] = TLanes.Sum(s2);
            }
        }
    }

    /// <summary>dst[t, r] for every token: four rows are unpacked to floats 1024 values at a time and reused by up to 128 tokens, whose
    /// lanes wait in the scratch memory in between.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Gemm(MatMulArgs* a)
    {
        float* tile = (float*)a->Scratch;                 // [4][TileK] weights
        float* lanes = tile + (TileRows * TileK);         // [PassTokens][4][16] partial sums
        float* sums = stackalloc float[TileRows];
        for (int first = 0; first < a->Tokens; first += PassTokens)
        {
            int tokens = Math.Min(PassTokens, a->Tokens - first);
            for (int r = 0; r < a->Rows; r += TileRows)
            {
                int rows = Math.Min(TileRows, a->Rows - r);
                NativeMemory.Clear(lanes, (nuint)(tokens * TileRows * 16 * sizeof(float)));
                for (int k = 0; k < a->K; k += TileK)
                {
                    int length = Math.Min(TileK, a->K - k), steps = (length + 15) / 16;
                    for (int i = 0; i < TileRows; i++)
                        Unpack(a->W + ((r + Math.Min(i, rows - 1)) * a->RowBytes) + ((nint)k * TLoad.ValueBytes), length, tile + (i * TileK));
                    for (int t = 0; t < tokens; t += TileTokens)
                    {
                        byte* x = a->X + ((first + t) * a->XTokenStride) + ((nint)k * sizeof(float));
                        float* sum = lanes + (t * TileRows * 16);
                        if (t + TileTokens <= tokens)
                        {
                            Multiply2x2(tile, x, a->XTokenStride, steps, sum);
                            Multiply2x2(tile + (2 * TileK), x, a->XTokenStride, steps, sum + 32);
                            Multiply2x2(tile, x + (2 * a->XTokenStride), a->XTokenStride, steps, sum + 128);
                            Multiply2x2(tile + (2 * TileK), x + (2 * a->XTokenStride), a->XTokenStride, steps, sum + 160);
                        }
                        else
                        {
                            for (int i = t; i < tokens; i++, x += a->XTokenStride, sum += TileRows * 16) Multiply4x1(tile, x, steps, sum);
                        }
                    }
                }
                for (int t = 0; t < tokens; t++)
                {
                    float* sum = lanes + (t * TileRows * 16), dst = a->Dst + ((first + t) * a->DstStride) + r;
                    TLanes.StoreSums(TLanes.Load(sum), TLanes.Load(sum + 16), TLanes.Load(sum + 32), TLanes.Load(sum + 48), sums);
                    for (int i = 0; i < rows; i++) dst[i] = sums[i];
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
    private static void Multiply2x2(float* w, byte* x, nint tokenStride, int steps, float* sum)
    {
        float* w0 = w, w1 = w + TileK, x0 = (float*)x, x1 = (float*)(x + tokenStride);
        TLanes s00 = TLanes.Load(sum), s01 = TLanes.Load(sum + 16), s10 = TLanes.Load(sum + 64), s11 = TLanes.Load(sum + 80);
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
        TLanes.Store(s10, sum + 64);
        TLanes.Store(s11, sum + 80);
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
