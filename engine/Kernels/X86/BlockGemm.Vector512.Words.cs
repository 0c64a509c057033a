using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <content>Tiles of int16 values (<see cref="IUnpack512.Words"/>): vpmaddwd, sums in int32 from the first product on.</content>
internal static unsafe partial class BlockGemm512<T> where T : IUnpack512
{
    private const int WordBytes = 256 * sizeof(short); // of a token's activations

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void WordTokens(byte* tile, byte* x, nint xStride, float* strip, int tokens, NextTile next, NextGroups* ahead)
    {
        byte* words = tile + X;
        for (int count = tokens / 4; count > 0; count--, x += 4 * xStride, strip += 4 * Rows)
        {
            next.Prefetch(T.GroupBytes, count - 1);
            byte* x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
            Widen(x, words);
            Widen(x1, words + WordBytes);
            Widen(x2, words + (2 * WordBytes));
            Widen(x3, words + (3 * WordBytes));
            for (int b = 0; b < 8; b++)
            {
                if (ahead != null) ahead->Prefetch();
                byte* w = tile + (2048 * b), v = words + (64 * b);
                Vector512<int> t00 = default, t01 = default, t10 = default, t11 = default, t20 = default, t21 = default, t30 = default, t31 = default;
                for (int j = 0; j < 4; j++, w += 512, v += 16)
                {
                    WordStep(w, v, 0, ref t00, ref t01, ref t10, ref t11, ref t20, ref t21, ref t30, ref t31);
                    WordStep(w, v, 1, ref t00, ref t01, ref t10, ref t11, ref t20, ref t21, ref t30, ref t31);
                    WordStep(w, v, 2, ref t00, ref t01, ref t10, ref t11, ref t20, ref t21, ref t30, ref t31);
                    WordStep(w, v, 3, ref t00, ref t01, ref t10, ref t11, ref t20, ref t21, ref t30, ref t31);
                }
                StoreBlock(tile, x, b, 0, t00, t01);
                StoreBlock(tile, x1, b, 1, t10, t11);
                StoreBlock(tile, x2, b, 2, t20, t21);
                StoreBlock(tile, x3, b, 3, t30, t31);
            }
            for (int t = 0; t < 4; t++) AddGroup((float*)(tile + P) + (t * Rows), strip + (t * Rows));
        }
        for (int rest = tokens % 4; rest > 0; rest--, x += xStride, strip += Rows)
        {
            Widen(x, words);
            for (int b = 0; b < 8; b++)
            {
                if (ahead != null) ahead->Prefetch();
                byte* w = tile + (2048 * b), v = words + (64 * b);
                Vector512<int> t0 = default, t1 = default;
                for (int j = 0; j < 16; j++, w += 128, v += 4) WordProducts(w, Vector512.Create(*(int*)v).AsInt16(), ref t0, ref t1);
                StoreBlock(tile, x, b, 0, t0, t1);
            }
            AddGroup((float*)(tile + P), strip);
        }
    }

    /// <summary>Two values of 32 rows, step j, times those of four tokens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WordStep(byte* w, byte* v, int j, ref Vector512<int> t00, ref Vector512<int> t01, ref Vector512<int> t10, ref Vector512<int> t11,
        ref Vector512<int> t20, ref Vector512<int> t21, ref Vector512<int> t30, ref Vector512<int> t31)
    {
        w += 128 * j;
        v += 4 * j;
        WordProducts(w, Vector512.Create(*(int*)v).AsInt16(), ref t00, ref t01);
        WordProducts(w, Vector512.Create(*(int*)(v + WordBytes)).AsInt16(), ref t10, ref t11);
        WordProducts(w, Vector512.Create(*(int*)(v + (2 * WordBytes))).AsInt16(), ref t20, ref t21);
        WordProducts(w, Vector512.Create(*(int*)(v + (3 * WordBytes))).AsInt16(), ref t30, ref t31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WordProducts(byte* w, Vector512<short> v, ref Vector512<int> t0, ref Vector512<int> t1)
    {
        t0 += Avx512BW.MultiplyAddAdjacent(Vector512.Load((short*)w), v);
        t1 += Avx512BW.MultiplyAddAdjacent(Vector512.Load((short*)(w + 64)), v);
    }

    /// <summary>A group's activations to int16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen(byte* x, byte* words)
    {
        for (int i = 0; i < 256; i += 32) Avx512BW.ConvertToVector512Int16(Vector256.Load((sbyte*)x + i)).Store((short*)words + i);
    }
}
