using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Matrix times many tokens: a tile of 16 rows x 256 values is unpacked once and used by all tokens, three at a time
/// (6 + 6 accumulators: 16 registers hold no more). Float results gather in a strip [token][16].</summary>
internal static unsafe class SuperBlockGemm256<T, TScale> where T : ISuperBlock256 where TScale : IScale256
{
    private const int Rows = 16, Strip = Tile256.Bytes;

    /// <summary>dst[t, r] for every token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Run(MatMulArgs* args)
    {
        Debug.Assert(args->K % 256 == 0 && Strip + (args->Tokens * Rows * sizeof(float)) <= MatMulArgs.GemmScratchBytes(args->Tokens));
        byte* tile = args->Scratch;
        float* strip = (float*)(tile + Strip);
        int row = 0, threes = args->Tokens / 3;
        for (; row + Rows <= args->Rows; row += Rows)
        {
            byte* w = args->W + (row * args->RowBytes), x = args->X;
            Unsafe.InitBlockUnaligned(strip, 0, (uint)(args->Tokens * Rows * sizeof(float)));
            for (int k = args->K; k > 0; k -= 256, w += T.GroupBytes, x += args->XGroupStride)
            {
                Tile256.Unpack<T>(w, k > 256 ? w + T.GroupBytes : args->W + ((row + Rows) * args->RowBytes), args->RowBytes, tile);
                ThreeTokens(tile, x, args->XTokenStride, strip, threes);
                OneToken(tile, x + (3 * threes * args->XTokenStride), args->XTokenStride, strip + (3 * threes * Rows), args->Tokens - (3 * threes));
            }
            for (int t = 0; t < args->Tokens; t++)
            {
                float* dst = args->Dst + (t * args->DstStride) + row;
                Vector256.Load(strip + (t * Rows)).Store(dst);
                Vector256.Load(strip + (t * Rows) + 8).Store(dst + 8);
            }
        }
        if (row < args->Rows) LeftoverRows.EachToken(args, row, &SuperBlockGemv256<T, TScale>.Run);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void ThreeTokens(byte* tile, byte* x, nint xStride, float* strip, int count)
    {
        for (; count > 0; count--, x += 3 * xStride, strip += 3 * Rows)
        {
            byte* w = tile, scales = tile + Tile256.Scales, a0 = x, a1 = x + xStride, a2 = a1 + xStride;
            Vector256<int> s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default;
            for (int b = 0; b < (T.ProductsPerInt16 == 8 ? 8 * T.Nibbles : 16); b++)
            {
                First(w, 0, a0, out Vector256<short> p00, out Vector256<short> p01);
                First(w, 0, a1, out Vector256<short> p10, out Vector256<short> p11);
                First(w, 0, a2, out Vector256<short> p20, out Vector256<short> p21);
                if (T.ProductsPerInt16 == 1) Restart(w, 1, scales, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21,
                    ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                else Next(w, 1, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                if (T.ProductsPerInt16 <= 2) Restart(w, 2, scales, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21,
                    ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                else Next(w, 2, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                if (T.ProductsPerInt16 == 1) Restart(w, 3, scales, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21,
                    ref s00, ref s01, ref s10, ref s11, ref s20, ref s21);
                else Next(w, 3, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                if (T.ProductsPerInt16 == 8)
                {
                    Next(w, 4, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                    Next(w, 5, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                    Next(w, 6, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                    Next(w, 7, a0, a1, a2, ref p00, ref p01, ref p10, ref p11, ref p20, ref p21);
                }
                Accumulate(scales, p00, p01, ref s00, ref s01);
                Accumulate(scales, p10, p11, ref s10, ref s11);
                Accumulate(scales, p20, p21, ref s20, ref s21);
                w += T.ProductsPerInt16 == 8 ? 512 : 256;
                scales += 64;
                if (T.Nibbles == 2 && b % 2 == 0) continue;
                a0 += T.ProductsPerInt16 == 8 ? 32 : 16;
                a1 += T.ProductsPerInt16 == 8 ? 32 : 16;
                a2 += T.ProductsPerInt16 == 8 ? 32 : 16;
            }
            // The pointers stand behind the values now.
            Add(tile, a0, s00, strip);
            Add(tile + 32, a0, s01, strip + 8);
            Add(tile, a1, s10, strip + Rows);
            Add(tile + 32, a1, s11, strip + Rows + 8);
            Add(tile, a2, s20, strip + 2 * Rows);
            Add(tile + 32, a2, s21, strip + 2 * Rows + 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void OneToken(byte* tile, byte* x, nint xStride, float* strip, int count)
    {
        for (; count > 0; count--, x += xStride, strip += Rows)
        {
            byte* w = tile, scales = tile + Tile256.Scales, a = x;
            Vector256<int> s0 = default, s1 = default, t0 = default, t1 = default;
            for (int b = 0; b < (T.ProductsPerInt16 == 8 ? 8 * T.Nibbles : 16); b++, w += T.ProductsPerInt16 == 8 ? 512 : 256, scales += 64)
            {
                First(w, 0, a, out Vector256<short> p0, out Vector256<short> p1);
                First(w, 2, a, out Vector256<short> q0, out Vector256<short> q1);
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
            Add(tile + 32, a, s1 + t1, strip + 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First(byte* w, int j, byte* a, out Vector256<short> p0, out Vector256<short> p1)
    {
        Vector256<sbyte> v = Vector256.Create(*(int*)(a + 4 * j)).AsSByte();
        p0 = Avx2.MultiplyAddAdjacent(Vector256.Load(w + 64 * j), v);
        p1 = Avx2.MultiplyAddAdjacent(Vector256.Load(w + 64 * j + 32), v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(byte* w, int j, byte* a, ref Vector256<short> p0, ref Vector256<short> p1)
    {
        First(w, j, a, out Vector256<short> q0, out Vector256<short> q1);
        p0 += q0;
        p1 += q1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(byte* w, int j, byte* a0, byte* a1, byte* a2, ref Vector256<short> p00, ref Vector256<short> p01,
        ref Vector256<short> p10, ref Vector256<short> p11, ref Vector256<short> p20, ref Vector256<short> p21)
    {
        Vector256<byte> w0 = Vector256.Load(w + 64 * j), w1 = Vector256.Load(w + 64 * j + 32);
        Vector256<sbyte> v = Vector256.Create(*(int*)(a0 + 4 * j)).AsSByte();
        p00 += Avx2.MultiplyAddAdjacent(w0, v);
        p01 += Avx2.MultiplyAddAdjacent(w1, v);
        v = Vector256.Create(*(int*)(a1 + 4 * j)).AsSByte();
        p10 += Avx2.MultiplyAddAdjacent(w0, v);
        p11 += Avx2.MultiplyAddAdjacent(w1, v);
        v = Vector256.Create(*(int*)(a2 + 4 * j)).AsSByte();
        p20 += Avx2.MultiplyAddAdjacent(w0, v);
        p21 += Avx2.MultiplyAddAdjacent(w1, v);
    }

    /// <summary>Scales the int16 partial sums into the int32 accumulators, then restarts them at step j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Restart(byte* w, int j, byte* scales, byte* a0, byte* a1, byte* a2,
        ref Vector256<short> p00, ref Vector256<short> p01, ref Vector256<short> p10, ref Vector256<short> p11,
        ref Vector256<short> p20, ref Vector256<short> p21,
        ref Vector256<int> s00, ref Vector256<int> s01, ref Vector256<int> s10, ref Vector256<int> s11,
        ref Vector256<int> s20, ref Vector256<int> s21)
    {
        Accumulate(scales, p00, p01, ref s00, ref s01);
        Accumulate(scales, p10, p11, ref s10, ref s11);
        Accumulate(scales, p20, p21, ref s20, ref s21);
        First(w, j, a0, out p00, out p01);
        First(w, j, a1, out p10, out p11);
        First(w, j, a2, out p20, out p21);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(byte* scales, Vector256<short> p0, Vector256<short> p1, ref Vector256<int> s0, ref Vector256<int> s1)
    {
        s0 = TScale.Add(s0, p0, Vector256.Load((short*)scales));
        s1 = TScale.Add(s1, p1, Vector256.Load((short*)(scales + 32)));
    }

    /// <summary>One super-block's float steps for a token and 8 rows; a is the end of its values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(byte* tile, byte* a, Vector256<int> isum, float* strip)
    {
        byte* sums = a + (T.ScalesPer16 ? Q8_K.Sums16Offset : Q8_K.Sums32Offset) - 256, pairs = tile + Tile256.Pairs;
        Vector256<int> m = Pair(pairs, sums, 0) + Pair(pairs, sums, 1) + (Pair(pairs, sums, 2) + Pair(pairs, sums, 3));
        if (T.ScalesPer16) m += Pair(pairs, sums, 4) + Pair(pairs, sums, 5) + (Pair(pairs, sums, 6) + Pair(pairs, sums, 7));
        Vector256<float> f = Avx.ConvertToVector256Single(T.HasMins ? isum : isum + m) * Vector256.Load((float*)(tile + Tile256.D));
        if (T.HasMins) f = Fma.MultiplyAddNegated(Avx.ConvertToVector256Single(m), Vector256.Load((float*)(tile + Tile256.DMin)), f);
        Fma.MultiplyAdd(f, Vector256.Create(*(float*)(a + Q8_K.DOffset - 256)), Vector256.Load(strip)).Store(strip);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pair(byte* pairs, byte* sums, int j) =>
        Avx2.MultiplyAddAdjacent(Vector256.Load((short*)(pairs + 64 * j)), Vector256.Create(*(int*)(sums + 4 * j)).AsInt16());
}
