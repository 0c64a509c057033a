using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A K-quant's super-block as the 512-bit kernels see it.</summary>
internal unsafe interface ISuperBlock512 : ISuperBlock
{
    /// <summary>Lanes whose sum is the exact integer sum of scale * weight * activation, offsets included.</summary>
    static abstract Vector512<int> Products(byte* w, byte* x);

    /// <summary>Unpacks 16 rows of one super-block to one of the two vectors of a tile: see <see cref="Tile512"/>.</summary>
    static abstract void SixteenRows(byte* w, nint rowBytes, byte* tile);
}

/// <summary>Matrix times one token, one row at a time.</summary>
internal readonly unsafe struct SuperBlockGemv512<T> : IGemv where T : ISuperBlock512
{
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
            for (; b >= 4; b -= 4, w += 4 * T.GroupBytes, x += 4 * next) acc = FourBlocks(acc, w, x, next);
            for (; b > 0; b--, w += T.GroupBytes, x += next) acc = Vector128.CreateScalarUnsafe(OneBlock(acc.ToScalar(), w, x));
            args->Dst[r] = acc.ToScalar();
        }
    }

    // The integer sums of four super-blocks are reduced by one tree, to one lane each; the float steps then run as the canon has them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourBlocks(Vector128<float> acc, byte* w, byte* x, nint next)
    {
        byte* x1 = x + next, x2 = x1 + next, x3 = x2 + next;
        byte* w1 = w + T.GroupBytes, w2 = w + 2 * T.GroupBytes, w3 = w + 3 * T.GroupBytes;
        Ahead(w);
        Vector512<int> v0 = T.Products(w, x);
        Ahead(w1);
        Vector512<int> v1 = T.Products(w1, x1);
        Vector512<long> v01 = (Avx512F.UnpackLow(v0, v1) + Avx512F.UnpackHigh(v0, v1)).AsInt64();
        Ahead(w2);
        v0 = T.Products(w2, x2);
        Ahead(w3);
        v1 = T.Products(w3, x3);
        Vector512<long> v23 = (Avx512F.UnpackLow(v0, v1) + Avx512F.UnpackHigh(v0, v1)).AsInt64();
        Vector512<int> v = Avx512F.UnpackLow(v01, v23).AsInt32() + Avx512F.UnpackHigh(v01, v23).AsInt32();
        Vector256<int> half = v.GetLower() + v.GetUpper();
        Vector128<int> isum = half.GetLower() + half.GetUpper(), msum = default;
        if (T.HasMins) msum = SuperBlockGemv.SumEach(T.MinProducts(w, x), T.MinProducts(w1, x1), T.MinProducts(w2, x2), T.MinProducts(w3, x3));
        return SuperBlockGemv.FloatSteps<T>(acc, isum, msum, w, x, next);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float OneBlock(float acc, byte* w, byte* x)
    {
        int isum = Vector512.Sum(T.Products(w, x));
        return SuperBlockGemv.FloatStep<T>(acc, isum, T.HasMins ? Vector128.Sum(T.MinProducts(w, x)) : 0, w, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ahead(byte* w) => SuperBlockGemv.Prefetch<T>(w);
}
