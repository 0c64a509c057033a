using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Sixteen places in memory, a stride apart, to lanes.</summary>
internal static unsafe class Transpose512
{
    /// <summary>The four dwords of each: v0 holds the first of all sixteen, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* p, nint stride,
        out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3)
    {
        Vector512<int> a = FourRows(p, stride), b = FourRows(p + stride, stride);
        Vector512<int> c = FourRows(p + 2 * stride, stride), d = FourRows(p + 3 * stride, stride);
        TransposeFour(a, b, c, d, out v0, out v1, out v2, out v3);
    }

    /// <summary>The eight dwords of each: v0 holds the first of all sixteen, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* p, nint stride, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3,
        out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7)
    {
        // Of rows 0 to 7: dwords j in lanes 0 and 2, dwords j + 4 in the others. Then of rows 8 to 15.
        TransposeFour(TwoRows(p, stride), TwoRows(p + stride, stride), TwoRows(p + 2 * stride, stride), TwoRows(p + 3 * stride, stride),
            out Vector512<int> a0, out Vector512<int> a1, out Vector512<int> a2, out Vector512<int> a3);
        p += 8 * stride;
        TransposeFour(TwoRows(p, stride), TwoRows(p + stride, stride), TwoRows(p + 2 * stride, stride), TwoRows(p + 3 * stride, stride),
            out Vector512<int> b0, out Vector512<int> b1, out Vector512<int> b2, out Vector512<int> b3);
        v0 = Avx512F.Shuffle4x128(a0, b0, 0x88);
        v1 = Avx512F.Shuffle4x128(a1, b1, 0x88);
        v2 = Avx512F.Shuffle4x128(a2, b2, 0x88);
        v3 = Avx512F.Shuffle4x128(a3, b3, 0x88);
        v4 = Avx512F.Shuffle4x128(a0, b0, 0xdd);
        v5 = Avx512F.Shuffle4x128(a1, b1, 0xdd);
        v6 = Avx512F.Shuffle4x128(a2, b2, 0xdd);
        v7 = Avx512F.Shuffle4x128(a3, b3, 0xdd);
    }

    /// <summary>Transposes 4 x 4 dwords in each 128-bit lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransposeFour(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d,
        out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3)
    {
        Vector512<long> ab = Avx512F.UnpackLow(a, b).AsInt64(), cd = Avx512F.UnpackLow(c, d).AsInt64();
        Vector512<long> abHigh = Avx512F.UnpackHigh(a, b).AsInt64(), cdHigh = Avx512F.UnpackHigh(c, d).AsInt64();
        v0 = Avx512F.UnpackLow(ab, cd).AsInt32();
        v1 = Avx512F.UnpackHigh(ab, cd).AsInt32();
        v2 = Avx512F.UnpackLow(abHigh, cdHigh).AsInt32();
        v3 = Avx512F.UnpackHigh(abHigh, cdHigh).AsInt32();
    }

    /// <summary>The first dword of each, in order. Reads 16 bytes of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> BlockHeaders(byte* p, nint stride) =>
        Avx512F.InsertVector256(Transpose256.BlockHeaders(p, stride).ToVector512Unsafe(), Transpose256.BlockHeaders(p + 8 * stride, stride), 1);

    /// <summary>The first dword of each, in order. Reads no more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Dwords(byte* p, nint stride) =>
        Avx512F.InsertVector256(Transpose256.Dwords(p, stride).ToVector512Unsafe(), Transpose256.Dwords(p + 8 * stride, stride), 1);

    // Rows r and r + 4.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> TwoRows(byte* p, nint stride) =>
        Avx512F.InsertVector256(Vector256.Load((int*)p).ToVector512Unsafe(), Vector256.Load((int*)(p + 4 * stride)), 1);

    // Rows r, r + 4, r + 8 and r + 12.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> FourRows(byte* p, nint stride)
    {
        Vector512<int> v = Vector128.Load((int*)p).ToVector256Unsafe().ToVector512Unsafe();
        v = Avx512F.InsertVector128(v, Vector128.Load((int*)(p + 4 * stride)), 1);
        v = Avx512F.InsertVector128(v, Vector128.Load((int*)(p + 8 * stride)), 2);
        return Avx512F.InsertVector128(v, Vector128.Load((int*)(p + 12 * stride)), 3);
    }
}
