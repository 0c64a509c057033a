using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>The order of floating-point operations that defines a quantized dot product; every kernel gives these very bits.
/// Integer sums are exact in int32 (the largest, Q6_K's unsigned one, is 256 * 63 * 127 * 128 = 262,176,768), so their order is free.</summary>
internal static unsafe class Canonical
{
    /// <summary>Version of the arithmetic: results of equal versions are equal bit for bit.</summary>
    public const int Version = 1;

    /// <summary>One super-block of 256: acc + ((isum * dw) * dx), ascending, the last step fused.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SuperBlock(float acc, int isum, float dw, float dx) => MathF.FusedMultiplyAdd(isum * dw, dx, acc);

    /// <summary>One super-block of a type with minimums: acc + ((isum * dw - msum * dmin) * dx), both sums fused.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SuperBlock(float acc, int isum, float dw, int msum, float dmin, float dx) =>
        MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(-(float)msum, dmin, isum * dw), dx, acc);

    /// <summary>One group of eight blocks of 32 (missing blocks are +0): a pairwise tree, added to acc.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Group(float acc, float* p) => acc + (((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7])));

    /// <summary>A block of 32: (isum * dw) * dx.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Block(int isum, float dw, float dx) => isum * dw * dx;

    /// <summary>A block of 32 of a type with a minimum m: (isum * dw) * dx + m * (dx * sum), the last step fused.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Block(int isum, float dw, float dx, float m, int sum) => MathF.FusedMultiplyAdd(m, dx * sum, isum * dw * dx);

    /// <summary>Float dot products and sums run in 16 lanes, element i in lane i mod 16; this is the tree that adds them up:
    /// lanes 8 apart, then 4, 2, 1. Overwrites the lanes.</summary>
    public static float Tree16(float* lanes)
    {
        for (int half = 8; half > 0; half /= 2)
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[i + half];
        return lanes[0];
    }
}
