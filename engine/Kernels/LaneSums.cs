using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>The last two steps of the tree of <see cref="Canonical.Tree16"/>, on four lanes: 2 apart, then 1 apart.</summary>
internal static class LaneSums
{
    /// <summary>(l0 + l2) + (l1 + l3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> a)
    {
        Vector128<float> pair = a + Vector128.Shuffle(a, Vector128.Create(2, 3, 0, 1));
        return pair.ToScalar() + pair.GetElement(1);
    }

    /// <summary>The four sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        // a0+a2 a1+a3 b0+b2 b1+b3, then the even elements of both plus the odd ones
        Vector128<float> ab = EvenThenOdd(Low(a, b) + High(a, b)), cd = EvenThenOdd(Low(c, d) + High(c, d));
        return Low(ab, cd) + High(ab, cd);
    }

    /// <summary>The largest of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector128<float> a)
    {
        Vector128<float> pair = Vector128.MaxNative(a, Vector128.Shuffle(a, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(pair.ToScalar(), pair.GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Vector128.Create(a.GetLower(), b.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Vector128.Create(a.GetUpper(), b.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> EvenThenOdd(Vector128<float> a) => Vector128.Shuffle(a, Vector128.Create(0, 2, 1, 3));
}
