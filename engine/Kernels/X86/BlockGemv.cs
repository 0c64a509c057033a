using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>What the x64 kernels of the formats with blocks of 32 share.</summary>
internal static unsafe class BlockGemv
{
    /// <summary>What is left of a Gemm when no whole tile of rows remains:
    /// rows from <paramref name="row"/> on, a token at a time.</summary>
    public static void EachToken(MatMulArgs* args, int row, delegate*<MatMulArgs*, void> gemv)
    {
        MatMulArgs one = *args;
        one.W += row * args->RowBytes;
        one.Rows -= row;
        one.Dst += row;
        one.Tokens = 1;
        for (int t = 0; t < args->Tokens; t++, one.X += args->XTokenStride, one.Dst += args->DstStride) gemv(&one);
    }

    /// <summary><see cref="Canonical.Group"/> of four groups, one after the other. Horizontal adds are the tree's adjacent pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AddFour(float acc, float* p)
    {
        Vector256<float> half = Avx.HorizontalAdd(
            Avx.HorizontalAdd(Vector256.Load(p), Vector256.Load(p + 8)), Avx.HorizontalAdd(Vector256.Load(p + 16), Vector256.Load(p + 24)));
        Vector128<float> group = half.GetLower() + half.GetUpper();
        return acc + group.GetElement(0) + group.GetElement(1) + group.GetElement(2) + group.GetElement(3);
    }
}
