using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Many tokens times rows of blocks of 32, at 256 bits. A tile of 16 rows x 256 values is unpacked once, row r in lane r, four
/// values a lane, and used by all tokens, three at a time. Results gather in a strip [token][16].</summary>
internal static unsafe partial class BlockGemm256<TUnpack, TDot> where TUnpack : IUnpack256 where TDot : IDot256
{
    private const int Rows = 16, BlockBytes = 32 * Rows;

    // Offsets in scratch: values, scales and minimums [block][16]; p [block][token][16]; the strip.
    private const int D = 8 * BlockBytes, M = D + 512, P = M + 512, Strip = P + 1536;

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Run(MatMulArgs* args)
    {
        byte* tile = args->Scratch;
        float* strip = (float*)(tile + Strip);
        int blocks = args->K / 32, row = 0;
        for (; row + Rows <= args->Rows; row += Rows)
        {
            byte* w = args->W + (row * args->RowBytes);
            byte* x = args->X;
            Unsafe.InitBlockUnaligned(strip, 0, (uint)(args->Tokens * Rows * sizeof(float)));
            for (int b = 0; b < blocks; b += 8, w += TUnpack.GroupBytes, x += args->XGroupStride)
            {
                Unpack(w, args->RowBytes, Math.Min(8, blocks - b), tile);
                int threes = args->Tokens / 3;
                ThreeTokens(tile, x, args->XTokenStride, strip, threes);
                for (int t = 3 * threes; t < args->Tokens; t++) OneToken(tile, x + (t * args->XTokenStride), strip + (t * Rows));
            }
            for (int t = 0; t < args->Tokens; t++)
            {
                float* dst = args->Dst + (t * args->DstStride) + row;
                Vector256.Load(strip + (t * Rows)).Store(dst);
                Vector256.Load(strip + (t * Rows) + 8).Store(dst + 8);
            }
        }
        if (row < args->Rows) LeftoverRows.EachToken(args, row, &BlockGemv256<TUnpack, TDot>.Run);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unpack(byte* w, nint rowBytes, int blocks, byte* tile)
    {
        float* d = (float*)(tile + D), m = (float*)(tile + M);
        for (int half = 0; half < 2; half++)
        {
            byte* group = w + (8 * half * rowBytes);
            for (int r = 0; r < 8; r++)
                for (int line = 0; line < TUnpack.GroupBytes; line += 64) Sse.Prefetch0(group + (r * rowBytes) + TUnpack.GroupBytes + line);
            for (int b = 0; b < blocks; b++)
            {
                TUnpack.EightRows(group, b, rowBytes, tile + (b * BlockBytes) + (32 * half));
                TUnpack.RowScales(group, b, rowBytes, out Vector256<float> scales, out Vector256<float> mins);
                scales.Store(d + (b * Rows) + (8 * half));
                if (TUnpack.HasMins || TUnpack.ScalesPer16) mins.Store(m + (b * Rows) + (8 * half));
            }
            // Whatever the tile holds there, zero scales and activations make the missing blocks' p +0.
            for (int b = blocks; b < 8; b++)
            {
                Vector256<float>.Zero.Store(d + (b * Rows) + (8 * half));
                if (TUnpack.HasMins || TUnpack.ScalesPer16) Vector256<float>.Zero.Store(m + (b * Rows) + (8 * half));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void ThreeTokens(byte* tile, byte* x, nint xStride, float* strip, int count)
    {
        for (; count > 0; count--, x += 3 * xStride, strip += 3 * Rows)
        {
            byte* w = tile;
            for (int b = 0; b < 8; b++, w += BlockBytes)
            {
                byte* a = x + (32 * b);
                Vector256<int> s00, s01, s10, s11, s20, s21;
                First(w, a, out s00, out s01);
                First(w, a + xStride, out s10, out s11);
                First(w, a + 2 * xStride, out s20, out s21);
                Next(w, a, xStride, 1, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                Next(w, a, xStride, 2, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                Next(w, a, xStride, 3, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                if (TDot.ProductsPerSum == 4 || TUnpack.ScalesPer16)
                {
                    Vector256<int> t00 = TDot.Finish(s00), t01 = TDot.Finish(s01), t10 = TDot.Finish(s10);
                    Vector256<int> t11 = TDot.Finish(s11), t20 = TDot.Finish(s20), t21 = TDot.Finish(s21);
                    First(w + 256, a + 16, out s00, out s01);
                    First(w + 256, a + xStride + 16, out s10, out s11);
                    First(w + 256, a + 2 * xStride + 16, out s20, out s21);
                    Next(w, a, xStride, 5, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    Next(w, a, xStride, 6, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    Next(w, a, xStride, 7, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    StoreHalfBlocks(tile, x, b, 0, t00, t01, TDot.Finish(s00), TDot.Finish(s01));
                    StoreHalfBlocks(tile, x + xStride, b, 1, t10, t11, TDot.Finish(s10), TDot.Finish(s11));
                    StoreHalfBlocks(tile, x + 2 * xStride, b, 2, t20, t21, TDot.Finish(s20), TDot.Finish(s21));
                }
                else
                {
                    Next(w, a, xStride, 4, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    Next(w, a, xStride, 5, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    Next(w, a, xStride, 6, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    Next(w, a, xStride, 7, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                    StoreBlock(tile, x, b, 0, TDot.Finish(s00), TDot.Finish(s01));
                    StoreBlock(tile, x + xStride, b, 1, TDot.Finish(s10), TDot.Finish(s11));
                    StoreBlock(tile, x + 2 * xStride, b, 2, TDot.Finish(s20), TDot.Finish(s21));
                }
            }
            for (int t = 0; t < 3; t++) AddGroup((float*)(tile + P) + (t * Rows), strip + (t * Rows));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void OneToken(byte* tile, byte* x, float* strip)
    {
        byte* w = tile;
        for (int b = 0; b < 8; b++, w += BlockBytes)
        {
            Half(w, x + (32 * b), out Vector256<int> t0, out Vector256<int> t1);
            Half(w + 256, x + (32 * b) + 16, out Vector256<int> u0, out Vector256<int> u1);
            StoreHalfBlocks(tile, x, b, 0, t0, t1, u0, u1);
        }
        AddGroup((float*)(tile + P), strip);
    }

    /// <summary>The sums of 16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Half(byte* w, byte* x, out Vector256<int> t0, out Vector256<int> t1)
    {
        First(w, x, out Vector256<int> s0, out Vector256<int> s1);
        for (int i = 1; i < 4; i++)
        {
            Vector256<sbyte> v = Vector256.Create(*(int*)(x + (4 * i))).AsSByte();
            s0 = TDot.Next(s0, Vector256.Load(w + (64 * i)), v);
            s1 = TDot.Next(s1, Vector256.Load(w + (64 * i) + 32), v);
        }
        t0 = TDot.Finish(s0);
        t1 = TDot.Finish(s1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First(byte* w, byte* x, out Vector256<int> s0, out Vector256<int> s1)
    {
        Vector256<sbyte> v = Vector256.Create(*(int*)x).AsSByte();
        s0 = TDot.First(Vector256.Load(w), v);
        s1 = TDot.First(Vector256.Load(w + 32), v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(byte* w, byte* x, nint xStride, int j, ref Vector256<int> s00, ref Vector256<int> s01,
        ref Vector256<int> s10, ref Vector256<int> s11, ref Vector256<int> s20, ref Vector256<int> s21)
    {
        Vector256<byte> w0 = Vector256.Load(w + 64 * j), w1 = Vector256.Load(w + 64 * j + 32);
        Vector256<sbyte> v = Vector256.Create(*(int*)(x + 4 * j)).AsSByte();
        s00 = TDot.Next(s00, w0, v);
        s01 = TDot.Next(s01, w1, v);
        v = Vector256.Create(*(int*)(x + xStride + 4 * j)).AsSByte();
        s10 = TDot.Next(s10, w0, v);
        s11 = TDot.Next(s11, w1, v);
        v = Vector256.Create(*(int*)(x + 2 * xStride + 4 * j)).AsSByte();
        s20 = TDot.Next(s20, w0, v);
        s21 = TDot.Next(s21, w1, v);
    }
}
