using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>How int8 vectors are multiplied on Arm: by sdot, or without it. The four lanes of a result stand for one sum; how
/// it is spread over them differs. Activations are at x + at; at is a constant, for the load's address.</summary>
internal unsafe interface IDotAdvSimd
{
    /// <summary>acc + scales[lane] * (16 weights times 16 activations).</summary>
    static abstract Vector128<int> Add16(
        Vector128<int> acc, Vector128<sbyte> w, sbyte* x, int at, Vector128<short> scales, [ConstantExpected(Max = (byte)7)] byte lane);

    /// <summary>acc + scales[lane] * (32 weights times 32 activations). Weights are within +-64.</summary>
    static abstract Vector128<int> Add32(
        Vector128<int> acc, Vector128<sbyte> w0, Vector128<sbyte> w1, sbyte* x, int at, Vector128<short> scales,
        [ConstantExpected(Max = (byte)7)] byte lane);

    /// <summary>16 weights times 16 activations.</summary>
    static abstract Vector128<int> Dot16(Vector128<sbyte> w, sbyte* x, int at);

    /// <summary>32 weights times 32 activations.</summary>
    static abstract Vector128<int> Dot32(Vector128<sbyte> w0, Vector128<sbyte> w1, sbyte* x, int at);
}

/// <summary>Without dot-product instructions: products gather in int16 lanes, which the scale widens. Upper halves go first: what uses a
/// register's lower half without being the last to use it makes the code generator copy it.</summary>
internal readonly unsafe struct DotAdvSimd : IDotAdvSimd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add16(
        Vector128<int> acc, Vector128<sbyte> w, sbyte* x, int at, Vector128<short> scales, [ConstantExpected(Max = (byte)7)] byte lane) =>
        Scaled(acc, Products(w, AdvSimd.LoadVector128(x + at)), scales, lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add32(
        Vector128<int> acc, Vector128<sbyte> w0, Vector128<sbyte> w1, sbyte* x, int at, Vector128<short> scales,
        [ConstantExpected(Max = (byte)7)] byte lane)
    {
        // Four products a lane: at most 4 * 64 * 127 = 32512.
        Vector128<sbyte> x1 = AdvSimd.LoadVector128(x + at + 16);
        Vector128<short> p = Products(w0, AdvSimd.LoadVector128(x + at));
        p = AdvSimd.MultiplyWideningUpperAndAdd(p, w1, x1);
        p = AdvSimd.MultiplyWideningLowerAndAdd(p, w1.GetLower(), x1.GetLower());
        return Scaled(acc, p, scales, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot16(Vector128<sbyte> w, sbyte* x, int at) =>
        AdvSimd.AddPairwiseWidening(Products(w, AdvSimd.LoadVector128(x + at)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot32(Vector128<sbyte> w0, Vector128<sbyte> w1, sbyte* x, int at) =>
        AdvSimd.AddPairwiseWideningAndAdd(
            AdvSimd.AddPairwiseWidening(Products(w0, AdvSimd.LoadVector128(x + at))), Products(w1, AdvSimd.LoadVector128(x + at + 16)));

    // Two products a lane: at most 2 * 128 * 127 = 32512.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Products(Vector128<sbyte> w, Vector128<sbyte> x) =>
        AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningUpper(w, x), w.GetLower(), x.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Scaled(
        Vector128<int> acc, Vector128<short> p, Vector128<short> scales, [ConstantExpected(Max = (byte)7)] byte lane) =>
        AdvSimd.MultiplyBySelectedScalarWideningLowerAndAdd(
            AdvSimd.MultiplyBySelectedScalarWideningUpperAndAdd(acc, p, scales, lane), p.GetLower(), scales, lane);
}

/// <summary>With sdot: four products a lane, at once in int32.</summary>
internal readonly unsafe struct DotAdvSimdDp : IDotAdvSimd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add16(
        Vector128<int> acc, Vector128<sbyte> w, sbyte* x, int at, Vector128<short> scales, [ConstantExpected(Max = (byte)7)] byte lane) =>
        Scaled(acc, Dp.DotProduct(Vector128<int>.Zero, w, AdvSimd.LoadVector128(x + at)), scales, lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add32(
        Vector128<int> acc, Vector128<sbyte> w0, Vector128<sbyte> w1, sbyte* x, int at, Vector128<short> scales,
        [ConstantExpected(Max = (byte)7)] byte lane) =>
        Scaled(acc, Dot32(w0, w1, x, at), scales, lane);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot16(Vector128<sbyte> w, sbyte* x, int at) =>
        Dp.DotProduct(Vector128<int>.Zero, w, AdvSimd.LoadVector128(x + at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot32(Vector128<sbyte> w0, Vector128<sbyte> w1, sbyte* x, int at) =>
        Dp.DotProduct(Dp.DotProduct(Vector128<int>.Zero, w0, AdvSimd.LoadVector128(x + at)), w1, AdvSimd.LoadVector128(x + at + 16));

#pragma warning disable CA1857 // The lane is constant once this is inlined.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Scaled(
        Vector128<int> acc, Vector128<int> p, Vector128<short> scales, [ConstantExpected(Max = (byte)7)] byte lane) => lane < 4
        ? AdvSimd.MultiplyAddBySelectedScalar(acc, p, AdvSimd.SignExtendWideningLower(scales.GetLower()), lane)
        : AdvSimd.MultiplyAddBySelectedScalar(acc, p, AdvSimd.SignExtendWideningUpper(scales), (byte)(lane - 4));
#pragma warning restore CA1857

    /// <summary>16 values of four rows (four at a time side by side: 64 bytes at w + at) times those of four tokens; a result's lane is a
    /// row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add16x4x4(
        ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3,
        sbyte* w, int at, Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3)
    {
        Vector128<sbyte> v0 = AdvSimd.LoadVector128(w + at), v1 = AdvSimd.LoadVector128(w + at + 16);
        Vector128<sbyte> v2 = AdvSimd.LoadVector128(w + at + 32), v3 = AdvSimd.LoadVector128(w + at + 48);
        c0 = Dp.DotProductBySelectedQuadruplet(c0, v0, x0, 0);
        c1 = Dp.DotProductBySelectedQuadruplet(c1, v0, x1, 0);
        c2 = Dp.DotProductBySelectedQuadruplet(c2, v0, x2, 0);
        c3 = Dp.DotProductBySelectedQuadruplet(c3, v0, x3, 0);
        c0 = Dp.DotProductBySelectedQuadruplet(c0, v1, x0, 1);
        c1 = Dp.DotProductBySelectedQuadruplet(c1, v1, x1, 1);
        c2 = Dp.DotProductBySelectedQuadruplet(c2, v1, x2, 1);
        c3 = Dp.DotProductBySelectedQuadruplet(c3, v1, x3, 1);
        c0 = Dp.DotProductBySelectedQuadruplet(c0, v2, x0, 2);
        c1 = Dp.DotProductBySelectedQuadruplet(c1, v2, x1, 2);
        c2 = Dp.DotProductBySelectedQuadruplet(c2, v2, x2, 2);
        c3 = Dp.DotProductBySelectedQuadruplet(c3, v2, x3, 2);
        c0 = Dp.DotProductBySelectedQuadruplet(c0, v3, x0, 3);
        c1 = Dp.DotProductBySelectedQuadruplet(c1, v3, x1, 3);
        c2 = Dp.DotProductBySelectedQuadruplet(c2, v3, x2, 3);
        c3 = Dp.DotProductBySelectedQuadruplet(c3, v3, x3, 3);
    }

    /// <summary>Element 0 of each vector, then element 1...: four values of each row in turn, for <see cref="Add16x4x4"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Interleave4(Vector128<int> r0, Vector128<int> r1, Vector128<int> r2, Vector128<int> r3, int* dst)
    {
        Vector128<int> low02 = AdvSimd.Arm64.ZipLow(r0, r2), low13 = AdvSimd.Arm64.ZipLow(r1, r3);
        Vector128<int> high02 = AdvSimd.Arm64.ZipHigh(r0, r2), high13 = AdvSimd.Arm64.ZipHigh(r1, r3);
        AdvSimd.Store(dst, AdvSimd.Arm64.ZipLow(low02, low13));
        AdvSimd.Store(dst + 4, AdvSimd.Arm64.ZipHigh(low02, low13));
        AdvSimd.Store(dst + 8, AdvSimd.Arm64.ZipLow(high02, high13));
        AdvSimd.Store(dst + 12, AdvSimd.Arm64.ZipHigh(high02, high13));
    }

    /// <summary>The same of <paramref name="bytes"/> bytes of each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Interleave4(void* r0, void* r1, void* r2, void* r3, int bytes, void* dst)
    {
        for (nint i = 0; i < bytes / 4; i += 4)
            Interleave4(AdvSimd.LoadVector128((int*)r0 + i), AdvSimd.LoadVector128((int*)r1 + i), AdvSimd.LoadVector128((int*)r2 + i),
                AdvSimd.LoadVector128((int*)r3 + i), (int*)dst + (4 * i));
    }
}
