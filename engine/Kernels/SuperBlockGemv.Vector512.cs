using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>A K-quant's super-block as the 512-bit kernels see it.</summary>
internal unsafe interface ISuperBlock512 : ISuperBlock
{
    /// <summary>Lanes whose sum is the exact integer sum of scale * weight * activation, offsets included.</summary>
    static abstract Vector512<int> Products(byte* w, byte* x);

    /// <summary>Lanes whose sum is that of minimum * sum of activations; zero for formats without minimums.</summary>
    static abstract Vector128<int> MinProducts(byte* w, byte* x);

    /// <summary>Unpacks 16 rows of one super-block to one of the two vectors of a tile: see <see cref="Tile512"/>.</summary>
    static abstract void SixteenRows(byte* w, nint rowBytes, byte* tile);
}

/// <summary>Four super-blocks of a row, joined to its running result.</summary>
internal unsafe interface IFourSuperBlocks512
{
    /// <summary><paramref name="acc"/> and its four float steps, in lane 0; <paramref name="next"/> bytes lie between groups of activations.</summary>
    static abstract Vector128<float> Four(Vector128<float> acc, byte* w, byte* x, nint next);
}

/// <summary>Matrix times one token, one row at a time.</summary>
internal static unsafe class SuperBlockGemv512<T, TFour> where T : ISuperBlock512 where TFour : IFourSuperBlocks512
{
    /// <summary>dst[r] for one token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Run(MatMulArgs* args)
    {
        Debug.Assert(args->K % 256 == 0);
        int blocks = args->K / 256;
        nint next = args->XGroupStride;
        for (int r = 0; r < args->Rows; r++)
        {
            byte* w = args->W + (r * args->RowBytes), x = args->X;
            Vector128<float> acc = Vector128<float>.Zero;
            int b = blocks;
            for (; b >= 4; b -= 4, w += 4 * T.Bytes, x += 4 * next) acc = TFour.Four(acc, w, x, next);
            for (; b > 0; b--, w += T.Bytes, x += next) acc = Vector128.CreateScalarUnsafe(One(acc.ToScalar(), w, x));
            args->Dst[r] = acc.ToScalar();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float One(float acc, byte* w, byte* x)
    {
        int isum = Vector512.Sum(T.Products(w, x));
        return SuperBlockGemv.FloatStep<T>(acc, isum, T.HasMins ? Vector128.Sum(T.MinProducts(w, x)) : 0, w, x);
    }
}

/// <summary>Four super-blocks, each with its own scales.</summary>
internal readonly unsafe struct FourAlone512<T> : IFourSuperBlocks512 where T : ISuperBlock512
{
    // The integer sums are reduced by one tree, to one lane each; the float steps then run as the canon has them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Four(Vector128<float> acc, byte* w, byte* x, nint next)
    {
        byte* x1 = x + next, x2 = x1 + next, x3 = x2 + next;
        byte* w1 = w + T.Bytes, w2 = w + 2 * T.Bytes, w3 = w + 3 * T.Bytes;
        SuperBlockGemv.Prefetch<T>(w);
        Vector512<int> v0 = T.Products(w, x);
        SuperBlockGemv.Prefetch<T>(w1);
        Vector512<int> v1 = T.Products(w1, x1);
        Vector512<long> v01 = SuperBlockDot512.Pairs(v0, v1);
        SuperBlockGemv.Prefetch<T>(w2);
        v0 = T.Products(w2, x2);
        SuperBlockGemv.Prefetch<T>(w3);
        v1 = T.Products(w3, x3);
        Vector128<int> isum = SuperBlockDot512.SumEach(v01, SuperBlockDot512.Pairs(v0, v1)), msum = default;
        if (T.HasMins) msum = SuperBlockGemv.SumEach(T.MinProducts(w, x), T.MinProducts(w1, x1), T.MinProducts(w2, x2), T.MinProducts(w3, x3));
        return SuperBlockGemv.FloatSteps<T>(acc, isum, msum, SuperBlockGemv.FourHalves<T>(w), x, next);
    }
}
