using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Many tokens times rows of blocks of 32, at 512 bits. A tile of 32 rows x 256 values is unpacked once, row r in lane r, four
/// values a lane, and used by all tokens, four at a time. Results gather in a strip [token][32].</summary>
internal static unsafe partial class BlockGemm512<T> where T : IUnpack512
{
    private const int Rows = 32;

    // Offsets in scratch: values [block][step][32]; scales and minimums [block][32]; p [block][token][32]; int16 activations [4][256]; the strip.
    private const int D = 8 * 2048, M = D + 1024, P = M + 1024, X = P + 4096, Strip = X + 2048;

    private static int BlockBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.Words || (T.SecondPart != 0 && T.Steps == 8) ? 2048 : 1024;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Run<TGemv>(MatMulArgs* args) where TGemv : IGemv
    {
        byte* tile = args->Scratch;
        float* strip = (float*)(tile + Strip);
        int blocks = args->K / 32, row = 0, fours = args->Tokens / 4;
        bool few = NextGroups.Suits(args->Tokens, T.GroupBytes);
        NextGroups ahead = default;
        for (; row + Rows <= args->Rows; row += Rows)
        {
            byte* w = args->W + (row * args->RowBytes);
            byte* x = args->X;
            Unsafe.InitBlockUnaligned(strip, 0, (uint)(args->Tokens * Rows * sizeof(float)));
            for (int b = 0; b < blocks; b += 8, w += T.GroupBytes, x += args->XGroupStride)
            {
                if (few && b % (8 * NextGroups.Count) == 0) ahead = new NextGroups(args, row, Rows, b / 8, T.GroupBytes, 8 * (fours + (args->Tokens % 4)));
                byte* nextTile = b + 8 < blocks ? w + T.GroupBytes : args->W + ((row + Rows) * args->RowBytes);
                var next = new NextTile(nextTile, args->RowBytes, few ? 0 : Rows, fours);
                Unpack(w, args->RowBytes, Math.Min(8, blocks - b), tile);
                if (T.Words)
                {
                    WordTokens(tile, x, args->XTokenStride, strip, args->Tokens, next, few ? &ahead : null);
                    continue;
                }
                FourTokens(tile, x, args->XTokenStride, strip, fours, next, few ? &ahead : null);
                for (int t = 4 * fours; t < args->Tokens; t++) OneToken(tile, x + (t * args->XTokenStride), strip + (t * Rows), few ? &ahead : null);
            }
            for (int t = 0; t < args->Tokens; t++)
            {
                float* dst = args->Dst + (t * args->DstStride) + row;
                Vector512.Load(strip + (t * Rows)).Store(dst);
                Vector512.Load(strip + (t * Rows) + 16).Store(dst + 16);
            }
        }
        if (row < args->Rows) LeftoverRows.EachToken(args, row, &TGemv.Run);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unpack(byte* w, nint rowBytes, int blocks, byte* tile)
    {
        float* d = (float*)(tile + D), m = (float*)(tile + M);
        for (int half = 0; half < 2; half++)
        {
            byte* group = w + (16 * half * rowBytes);
            for (int b = 0; b < blocks; b++)
            {
                T.SixteenRows(group, b, rowBytes, tile + (b * BlockBytes) + (64 * half));
                T.RowScales(group, b, rowBytes, out Vector512<float> scales, out Vector512<float> mins);
                scales.Store(d + (b * Rows) + (16 * half));
                if (T.HasMins || T.ScalesPer16) mins.Store(m + (b * Rows) + (16 * half));
            }
            // Whatever the tile holds there, zero scales and activations make the missing blocks' p +0.
            for (int b = blocks; b < 8; b++)
            {
                Vector512<float>.Zero.Store(d + (b * Rows) + (16 * half));
                if (T.HasMins || T.ScalesPer16) Vector512<float>.Zero.Store(m + (b * Rows) + (16 * half));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void FourTokens(byte* tile, byte* x, nint xStride, float* strip, int count, NextTile next, NextGroups* ahead)
    {
        for (; count > 0; count--, x += 4 * xStride, strip += 4 * Rows)
        {
            next.Prefetch(T.GroupBytes, count - 1);
            byte* w = tile, x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
            for (int b = 0; b < 8; b++, w += BlockBytes)
            {
                if (ahead != null) ahead->Prefetch();
                nint at = 32 * b;
                Part(w, x + at, x1 + at, x2 + at, x3 + at, out Vector512<short> s00, out Vector512<short> s01,
                    out Vector512<short> s10, out Vector512<short> s11, out Vector512<short> s20, out Vector512<short> s21,
                    out Vector512<short> s30, out Vector512<short> s31);
                Vector512<short> one = Vector512.Create((short)1);
                Vector512<int> t00 = Avx512BW.MultiplyAddAdjacent(s00, one), t01 = Avx512BW.MultiplyAddAdjacent(s01, one);
                Vector512<int> t10 = Avx512BW.MultiplyAddAdjacent(s10, one), t11 = Avx512BW.MultiplyAddAdjacent(s11, one);
                Vector512<int> t20 = Avx512BW.MultiplyAddAdjacent(s20, one), t21 = Avx512BW.MultiplyAddAdjacent(s21, one);
                Vector512<int> t30 = Avx512BW.MultiplyAddAdjacent(s30, one), t31 = Avx512BW.MultiplyAddAdjacent(s31, one);
                if (T.SecondPart != 0)
                {
                    Vector512<short> c = Vector512.Create(T.SecondPart);
                    at += T.SecondStart;
                    Part(w + 128 * T.Steps, x + at, x1 + at, x2 + at, x3 + at,
                        out s00, out s01, out s10, out s11, out s20, out s21, out s30, out s31);
                    if (T.ScalesPer16)
                    {
                        StoreHalfBlocks(tile, x, b, 0, t00, t01, Avx512BW.MultiplyAddAdjacent(s00, one), Avx512BW.MultiplyAddAdjacent(s01, one));
                        StoreHalfBlocks(tile, x1, b, 1, t10, t11, Avx512BW.MultiplyAddAdjacent(s10, one), Avx512BW.MultiplyAddAdjacent(s11, one));
                        StoreHalfBlocks(tile, x2, b, 2, t20, t21, Avx512BW.MultiplyAddAdjacent(s20, one), Avx512BW.MultiplyAddAdjacent(s21, one));
                        StoreHalfBlocks(tile, x3, b, 3, t30, t31, Avx512BW.MultiplyAddAdjacent(s30, one), Avx512BW.MultiplyAddAdjacent(s31, one));
                        continue;
                    }
                    t00 += Avx512BW.MultiplyAddAdjacent(s00, c);
                    t01 += Avx512BW.MultiplyAddAdjacent(s01, c);
                    t10 += Avx512BW.MultiplyAddAdjacent(s10, c);
                    t11 += Avx512BW.MultiplyAddAdjacent(s11, c);
                    t20 += Avx512BW.MultiplyAddAdjacent(s20, c);
                    t21 += Avx512BW.MultiplyAddAdjacent(s21, c);
                    t30 += Avx512BW.MultiplyAddAdjacent(s30, c);
                    t31 += Avx512BW.MultiplyAddAdjacent(s31, c);
                }
                StoreBlock(tile, x, b, 0, t00, t01);
                StoreBlock(tile, x1, b, 1, t10, t11);
                StoreBlock(tile, x2, b, 2, t20, t21);
                StoreBlock(tile, x3, b, 3, t30, t31);
            }
            for (int t = 0; t < 4; t++) AddGroup((float*)(tile + P) + (t * Rows), strip + (t * Rows));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void OneToken(byte* tile, byte* x, float* strip, NextGroups* ahead)
    {
        byte* w = tile;
        for (int b = 0; b < 8; b++)
        {
            if (ahead != null) ahead->Prefetch();
            OnePart(w, x + (32 * b), out Vector512<int> t0, out Vector512<int> t1);
            w += 128 * T.Steps;
            if (T.SecondPart != 0)
            {
                OnePart(w, x + (32 * b) + T.SecondStart, out Vector512<int> u0, out Vector512<int> u1);
                w += 128 * T.Steps;
                if (T.ScalesPer16)
                {
                    StoreHalfBlocks(tile, x, b, 0, t0, t1, u0, u1);
                    continue;
                }
                t0 += u0 * T.SecondPart;
                t1 += u1 * T.SecondPart;
            }
            StoreBlock(tile, x, b, 0, t0, t1);
        }
        AddGroup((float*)(tile + P), strip);
    }

    /// <summary>The sums of one part of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OnePart(byte* w, byte* x, out Vector512<int> t0, out Vector512<int> t1)
    {
        Vector512<short> s0 = default, s1 = default, one = Vector512.Create((short)1);
        for (int i = 0; i < T.Steps; i++, w += 128, x += 4)
        {
            Vector512<sbyte> v = Vector512.Create(*(int*)x).AsSByte();
            s0 += Avx512BW.MultiplyAddAdjacent(Vector512.Load(w), v);
            s1 += Avx512BW.MultiplyAddAdjacent(Vector512.Load(w + 64), v);
        }
        t0 = Avx512BW.MultiplyAddAdjacent(s0, one);
        t1 = Avx512BW.MultiplyAddAdjacent(s1, one);
    }

    /// <summary>The sums of one part of a block: rows 0..15 and 16..31 for each of four tokens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Part(byte* w, byte* x0, byte* x1, byte* x2, byte* x3, out Vector512<short> s00, out Vector512<short> s01,
        out Vector512<short> s10, out Vector512<short> s11, out Vector512<short> s20, out Vector512<short> s21,
        out Vector512<short> s30, out Vector512<short> s31)
    {
        Vector512<byte> w0 = Vector512.Load(w), w1 = Vector512.Load(w + 64);
        Vector512<sbyte> v = Vector512.Create(*(int*)x0).AsSByte();
        s00 = Avx512BW.MultiplyAddAdjacent(w0, v);
        s01 = Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)x1).AsSByte();
        s10 = Avx512BW.MultiplyAddAdjacent(w0, v);
        s11 = Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)x2).AsSByte();
        s20 = Avx512BW.MultiplyAddAdjacent(w0, v);
        s21 = Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)x3).AsSByte();
        s30 = Avx512BW.MultiplyAddAdjacent(w0, v);
        s31 = Avx512BW.MultiplyAddAdjacent(w1, v);
        Step(w, x0, x1, x2, x3, 1, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
        Step(w, x0, x1, x2, x3, 2, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
        Step(w, x0, x1, x2, x3, 3, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
        if (T.Steps == 4) return;
        Step(w, x0, x1, x2, x3, 4, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
        Step(w, x0, x1, x2, x3, 5, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
        Step(w, x0, x1, x2, x3, 6, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
        Step(w, x0, x1, x2, x3, 7, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(byte* w, byte* x0, byte* x1, byte* x2, byte* x3, int j, ref Vector512<short> s00, ref Vector512<short> s01,
        ref Vector512<short> s10, ref Vector512<short> s11, ref Vector512<short> s20, ref Vector512<short> s21,
        ref Vector512<short> s30, ref Vector512<short> s31)
    {
        Vector512<byte> w0 = Vector512.Load(w + 128 * j), w1 = Vector512.Load(w + 128 * j + 64);
        Vector512<sbyte> v = Vector512.Create(*(int*)(x0 + 4 * j)).AsSByte();
        s00 += Avx512BW.MultiplyAddAdjacent(w0, v);
        s01 += Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)(x1 + 4 * j)).AsSByte();
        s10 += Avx512BW.MultiplyAddAdjacent(w0, v);
        s11 += Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)(x2 + 4 * j)).AsSByte();
        s20 += Avx512BW.MultiplyAddAdjacent(w0, v);
        s21 += Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)(x3 + 4 * j)).AsSByte();
        s30 += Avx512BW.MultiplyAddAdjacent(w0, v);
        s31 += Avx512BW.MultiplyAddAdjacent(w1, v);
    }
}
