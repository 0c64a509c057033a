using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Products of 32 weight bytes and 32 activations (within +-127), four to a 32-bit lane: First makes a sum of one product,
/// Next adds another, up to <see cref="ProductsPerSum"/> in all, and Finish widens the sum to int32.</summary>
internal interface IDot256
{
    /// <summary>Products that a sum of First and Next holds.</summary>
    static abstract int ProductsPerSum { get; }

    /// <summary>The first product.</summary>
    static abstract Vector256<int> First(Vector256<byte> w, Vector256<sbyte> x);

    /// <summary>A further one.</summary>
    static abstract Vector256<int> Next(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> x);

    /// <summary>The sums of the 32-bit lanes.</summary>
    static abstract Vector256<int> Finish(Vector256<int> sum);
}

/// <summary>Weights up to 15, sums in int16 lanes: 8 products * 2 * 15 * 127 = 30,480.</summary>
internal readonly struct NibbleDot256 : IDot256
{
    public static int ProductsPerSum => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> First(Vector256<byte> w, Vector256<sbyte> x) => Avx2.MultiplyAddAdjacent(w, x).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Next(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> x) =>
        (sum.AsInt16() + Avx2.MultiplyAddAdjacent(w, x)).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> sum) => Avx2.MultiplyAddAdjacent(sum.AsInt16(), Vector256.Create((short)1));
}

/// <summary>Weights up to 31, sums in int16 lanes: 4 products * 2 * 31 * 127 = 31,496.</summary>
internal readonly struct FiveBitDot256 : IDot256
{
    public static int ProductsPerSum => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> First(Vector256<byte> w, Vector256<sbyte> x) => NibbleDot256.First(w, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Next(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> x) => NibbleDot256.Next(sum, w, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> sum) => NibbleDot256.Finish(sum);
}

/// <summary>Signed weights, -128 included: the weight's sign moves to the activation; 2 * 128 * 127 = 32,512 fits int16.</summary>
internal readonly struct SignedDot256 : IDot256
{
    public static int ProductsPerSum => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> First(Vector256<byte> w, Vector256<sbyte> x) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(Avx2.Abs(w.AsSByte()), Avx2.Sign(x, w.AsSByte())), Vector256.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Next(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> x) => sum + First(w, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> sum) => sum;
}

/// <summary>Any unsigned weights, by vpdpbusd.</summary>
internal readonly struct VnniDot256 : IDot256
{
    public static int ProductsPerSum => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> First(Vector256<byte> w, Vector256<sbyte> x) =>
        AvxVnni.MultiplyWideningAndAdd(Vector256<int>.Zero, w, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Next(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> x) =>
        AvxVnni.MultiplyWideningAndAdd(sum, w, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> sum) => sum;
}
