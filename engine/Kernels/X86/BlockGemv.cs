using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>What the x64 kernels of the formats with blocks of 32 share.</summary>
internal static unsafe class BlockGemv
{
    /// <summary><see cref="Canonical.Group"/> of four groups, one after the other. Horizontal adds are the tree's adjacent pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AddFour(float acc, float* p)
    {
        Vector256<float> half = Avx.HorizontalAdd(
            Avx.HorizontalAdd(Vector256.Load(p), Vector256.Load(p + 8)), Avx.HorizontalAdd(Vector256.Load(p + 16), Vector256.Load(p + 24)));
        Vector128<float> group = half.GetLower() + half.GetUpper();
        return acc + group.GetElement(0) + group.GetElement(1) + group.GetElement(2) + group.GetElement(3);
    }

    /// <summary>The activations of rows of 128, for two rows side by side.</summary>
    public static void Twice(byte* x, byte* to)
    {
        for (int i = 0; i < 2; i++)
        {
            Unsafe.CopyBlockUnaligned(to + (128 * i), x, 128);
            Unsafe.CopyBlockUnaligned(to + Q8_32.DOffset + (16 * i), x + Q8_32.DOffset, 16);
            Unsafe.CopyBlockUnaligned(to + Q8_32.SumsOffset + (16 * i), x + Q8_32.SumsOffset, 16);
        }
    }

    /// <summary><see cref="AddFour"/> of each of eight rows of 128: of its four p, of four +0 and of three groups of +0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> EightRowsOf128(float* p)
    {
        // Rows 0, 2, 4 and 6, then the others.
        Vector256<float> sums = Avx.HorizontalAdd(
            Avx.HorizontalAdd(Vector256.Load(p), Vector256.Load(p + 8)), Avx.HorizontalAdd(Vector256.Load(p + 16), Vector256.Load(p + 24)));
        Vector128<float> even = sums.GetLower(), odd = sums.GetUpper();
        return Vector256.Create(Sse.UnpackLow(even, odd), Sse.UnpackHigh(even, odd)) + Vector256<float>.Zero;
    }
}
