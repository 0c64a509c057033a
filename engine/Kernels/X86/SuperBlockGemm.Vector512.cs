using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Matrix times many tokens: a tile of 32 rows x 256 values is unpacked once and used by all tokens, four at a time
/// (8 accumulators of 16 rows: more gained nothing). Float results gather in a strip [token][32].</summary>
internal static unsafe class SuperBlockGemm512<T> where T : ISuperBlock512
{
    private const int Rows = 32, Strip = Tile512.Bytes;

    // Of a pass of tokens over a tile: one for each scale.
    private static int Steps
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.ProductsPerInt16 == 8 ? 8 * T.Nibbles : 16;
    }

    /// <summary>dst[t, r] for every token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Run(MatMulArgs* args)
    {
        Debug.Assert(args->K % 256 == 0 && Strip + (args->Tokens * Rows * sizeof(float)) <= MatMulArgs.GemmScratchBytes(args->Tokens));
        byte* tile = args->Scratch;
        float* strip = (float*)(tile + Strip);
        int row = 0, fours = args->Tokens / 4, ones = args->Tokens % 4;
        bool few = NextGroups.Suits(args->Tokens, T.GroupBytes);
        NextGroups ahead = default;
        for (; row + Rows <= args->Rows; row += Rows)
        {
            byte* w = args->W + (row * args->RowBytes), x = args->X;
            Unsafe.InitBlockUnaligned(strip, 0, (uint)(args->Tokens * Rows * sizeof(float)));
            for (int g = 0, groups = args->K / 256; g < groups; g++, w += T.GroupBytes, x += args->XGroupStride)
            {
                if (few && g % NextGroups.Count == 0) ahead = new NextGroups(args, row, Rows, g, T.GroupBytes, Steps * (fours + ones));
                byte* nextTile = g + 1 < groups ? w + T.GroupBytes : args->W + ((row + Rows) * args->RowBytes);
                Tile512.Unpack<T>(w, args->RowBytes, tile);
                FourTokens(tile, x, args->XTokenStride, strip, fours, new NextTile(nextTile, args->RowBytes, few ? 0 : Rows, fours), few ? &ahead : null);
                OneToken(tile, x + (4 * fours * args->XTokenStride), args->XTokenStride, strip + (4 * fours * Rows), ones, few ? &ahead : null);
            }
            for (int t = 0; t < args->Tokens; t++)
            {
                float* dst = args->Dst + (t * args->DstStride) + row;
                Vector512.Load(strip + (t * Rows)).Store(dst);
                Vector512.Load(strip + (t * Rows) + 16).Store(dst + 16);
            }
        }
        if (row < args->Rows) LeftoverRows.EachToken(args, row, &SuperBlockGemv512<T>.Run);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void FourTokens(byte* tile, byte* x, nint xStride, float* strip, int count, NextTile next, NextGroups* ahead)
    {
        for (; count > 0; count--, x += 4 * xStride, strip += 4 * Rows)
        {
            next.Prefetch(T.GroupBytes, count - 1);
            byte* w = tile, scales = tile + Tile512.Scales, a0 = x, a1 = x + xStride, a2 = a1 + xStride, a3 = a2 + xStride;
            Vector512<int> s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
            for (int b = 0; b < Steps; b++)
            {
                if (ahead != null) ahead->Prefetch();
                First(w, 0, a0, out Vector512<short> p00, out Vector512<short> p01);
                First(w, 0, a1, out Vector512<short> p10, out Vector512<short> p11);
                First(w, 0, a2, out Vector512<short> p20, out Vector512<short> p21);
                First(w, 0, a3, out Vector512<short> p30, out Vector512<short> p31);
                if (T.ProductsPerInt16 == 1) Restart(w, 1, scales, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31,
                    ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
                else Next(w, 1, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                if (T.ProductsPerInt16 <= 2) Restart(w, 2, scales, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31,
                    ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
                else Next(w, 2, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                if (T.ProductsPerInt16 == 1) Restart(w, 3, scales, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31,
                    ref s00, ref s01, ref s10, ref s11, ref s20, ref s21, ref s30, ref s31);
                else Next(w, 3, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                if (T.ProductsPerInt16 == 8)
                {
                    Next(w, 4, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                    Next(w, 5, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                    Next(w, 6, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                    Next(w, 7, a0, a1, a2, a3, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21, ref p30, ref p31);
                }
                Accumulate(scales, p00, p01, ref s00, ref s01);
                Accumulate(scales, p10, p11, ref s10, ref s11);
                Accumulate(scales, p20, p21, ref s20, ref s21);
                Accumulate(scales, p30, p31, ref s30, ref s31);
                w += T.ProductsPerInt16 == 8 ? 1024 : 512;
                scales += 128;
                if (T.Nibbles == 2 && b % 2 == 0) continue;
                a0 += T.ProductsPerInt16 == 8 ? 32 : 16;
                a1 += T.ProductsPerInt16 == 8 ? 32 : 16;
                a2 += T.ProductsPerInt16 == 8 ? 32 : 16;
                a3 += T.ProductsPerInt16 == 8 ? 32 : 16;
            }
            // The pointers stand behind the values now.
            Add(tile, a0, s00, strip);
            Add(tile + 64, a0, s01, strip + 16);
            Add(tile, a1, s10, strip + Rows);
            Add(tile + 64, a1, s11, strip + Rows + 16);
            Add(tile, a2, s20, strip + 2 * Rows);
            Add(tile + 64, a2, s21, strip + 2 * Rows + 16);
            Add(tile, a3, s30, strip + 3 * Rows);
            Add(tile + 64, a3, s31, strip + 3 * Rows + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void OneToken(byte* tile, byte* x, nint xStride, float* strip, int count, NextGroups* ahead)
    {
        for (; count > 0; count--, x += xStride, strip += Rows)
        {
            byte* w = tile, scales = tile + Tile512.Scales, a = x;
            Vector512<int> s0 = default, s1 = default, t0 = default, t1 = default;
            for (int b = 0; b < Steps; b++, w += T.ProductsPerInt16 == 8 ? 1024 : 512, scales += 128)
            {
                if (ahead != null) ahead->Prefetch();
                First(w, 0, a, out Vector512<short> p0, out Vector512<short> p1);
                First(w, 2, a, out Vector512<short> q0, out Vector512<short> q1);
                if (T.ProductsPerInt16 == 1)
                {
                    Accumulate(scales, p0, p1, ref s0, ref s1);
                    Accumulate(scales, q0, q1, ref t0, ref t1);
                    First(w, 1, a, out p0, out p1);
                    First(w, 3, a, out q0, out q1);
                }
                else
                {
                    Next(w, 1, a, ref p0, ref p1);
                    Next(w, 3, a, ref q0, ref q1);
                }
                if (T.ProductsPerInt16 == 8)
                {
                    Next(w, 4, a, ref p0, ref p1);
                    Next(w, 5, a, ref p0, ref p1);
                    Next(w, 6, a, ref q0, ref q1);
                    Next(w, 7, a, ref q0, ref q1);
                }
                Accumulate(scales, p0, p1, ref s0, ref s1);
                Accumulate(scales, q0, q1, ref t0, ref t1);
                if (T.Nibbles == 1 || b % 2 == 1) a += T.ProductsPerInt16 == 8 ? 32 : 16;
            }
            Add(tile, a, s0 + t0, strip);
            Add(tile + 64, a, s1 + t1, strip + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First(byte* w, int j, byte* a, out Vector512<short> p0, out Vector512<short> p1)
    {
        Vector512<sbyte> v = Vector512.Create(*(int*)(a + 4 * j)).AsSByte();
        p0 = Avx512BW.MultiplyAddAdjacent(Vector512.Load(w + 128 * j), v);
        p1 = Avx512BW.MultiplyAddAdjacent(Vector512.Load(w + 128 * j + 64), v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(byte* w, int j, byte* a, ref Vector512<short> p0, ref Vector512<short> p1)
    {
        First(w, j, a, out Vector512<short> q0, out Vector512<short> q1);
        p0 += q0;
        p1 += q1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(byte* w, int j, byte* a0, byte* a1, byte* a2, byte* a3, ref Vector512<short> p00, ref Vector512<short> p01,
        ref Vector512<short> p10, ref Vector512<short> p11, ref Vector512<short> p20, ref Vector512<short> p21, ref Vector512<short> p30, ref Vector512<short> p31)
    {
        Vector512<byte> w0 = Vector512.Load(w + 128 * j), w1 = Vector512.Load(w + 128 * j + 64);
        Vector512<sbyte> v = Vector512.Create(*(int*)(a0 + 4 * j)).AsSByte();
        p00 += Avx512BW.MultiplyAddAdjacent(w0, v);
        p01 += Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)(a1 + 4 * j)).AsSByte();
        p10 += Avx512BW.MultiplyAddAdjacent(w0, v);
        p11 += Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)(a2 + 4 * j)).AsSByte();
        p20 += Avx512BW.MultiplyAddAdjacent(w0, v);
        p21 += Avx512BW.MultiplyAddAdjacent(w1, v);
        v = Vector512.Create(*(int*)(a3 + 4 * j)).AsSByte();
        p30 += Avx512BW.MultiplyAddAdjacent(w0, v);
        p31 += Avx512BW.MultiplyAddAdjacent(w1, v);
    }

    /// <summary>Scales the int16 partial sums into the int32 accumulators, then restarts them at step j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Restart(byte* w, int j, byte* scales, byte* a0, byte* a1, byte* a2, byte* a3,
        ref Vector512<short> p00, ref Vector512<short> p01, ref Vector512<short> p10, ref Vector512<short> p11,
        ref Vector512<short> p20, ref Vector512<short> p21, ref Vector512<short> p30, ref Vector512<short> p31,
        ref Vector512<int> s00, ref Vector512<int> s01, ref Vector512<int> s10, ref Vector512<int> s11,
        ref Vector512<int> s20, ref Vector512<int> s21, ref Vector512<int> s30, ref Vector512<int> s31)
    {
        Accumulate(scales, p00, p01, ref s00, ref s01);
        Accumulate(scales, p10, p11, ref s10, ref s11);
        Accumulate(scales, p20, p21, ref s20, ref s21);
        Accumulate(scales, p30, p31, ref s30, ref s31);
        First(w, j, a0, out p00, out p01);
        First(w, j, a1, out p10, out p11);
        First(w, j, a2, out p20, out p21);
        First(w, j, a3, out p30, out p31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(byte* scales, Vector512<short> p0, Vector512<short> p1, ref Vector512<int> s0, ref Vector512<int> s1)
    {
        s0 += Avx512BW.MultiplyAddAdjacent(p0, Vector512.Load((short*)scales));
        s1 += Avx512BW.MultiplyAddAdjacent(p1, Vector512.Load((short*)(scales + 64)));
    }

    /// <summary>One super-block's float steps for a token and 16 rows; a is the end of its values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(byte* tile, byte* a, Vector512<int> isum, float* strip)
    {
        byte* sums = a + (T.ScalesPer16 ? Q8_K.Sums16Offset : Q8_K.Sums32Offset) - 256, pairs = tile + Tile512.Pairs;
        Vector512<int> m = Pair(pairs, sums, 0) + Pair(pairs, sums, 1) + (Pair(pairs, sums, 2) + Pair(pairs, sums, 3));
        if (T.ScalesPer16) m += Pair(pairs, sums, 4) + Pair(pairs, sums, 5) + (Pair(pairs, sums, 6) + Pair(pairs, sums, 7));
        Vector512<float> f = Vector512.ConvertToSingle(T.HasMins ? isum : isum + m) * Vector512.Load((float*)(tile + Tile512.D));
        if (T.HasMins) f = Avx512F.FusedMultiplyAddNegated(Vector512.ConvertToSingle(m), Vector512.Load((float*)(tile + Tile512.DMin)), f);
        Avx512F.FusedMultiplyAdd(f, Vector512.Create(*(float*)(a + Q8_K.DOffset - 256)), Vector512.Load(strip)).Store(strip);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pair(byte* pairs, byte* sums, int j) =>
        Avx512BW.MultiplyAddAdjacent(Vector512.Load((short*)(pairs + 128 * j)), Vector512.Create(*(int*)(sums + 4 * j)).AsInt16());
}
