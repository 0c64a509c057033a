using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Eight places in memory, a stride apart, to lanes.</summary>
internal static unsafe class Transpose256
{
    /// <summary>The first dword of each, in order. Reads 16 bytes of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> BlockHeaders(byte* p, nint stride)
    {
        Vector128<long> a = Sse2.UnpackLow(Vector128.Load((int*)p), Vector128.Load((int*)(p + stride))).AsInt64();
        Vector128<long> b = Sse2.UnpackLow(Vector128.Load((int*)(p + 2 * stride)), Vector128.Load((int*)(p + 3 * stride))).AsInt64();
        p += 4 * stride;
        Vector128<long> c = Sse2.UnpackLow(Vector128.Load((int*)p), Vector128.Load((int*)(p + stride))).AsInt64();
        Vector128<long> d = Sse2.UnpackLow(Vector128.Load((int*)(p + 2 * stride)), Vector128.Load((int*)(p + 3 * stride))).AsInt64();
        return Avx2.InsertVector128(Sse2.UnpackLow(a, b).ToVector256Unsafe(), Sse2.UnpackLow(c, d), 1).AsInt32();
    }

    /// <summary>The four dwords of each: v0 holds the first of all eight, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* p, nint stride,
        out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3)
    {
        Vector256<int> a = TwoRows(p, stride), b = TwoRows(p + stride, stride), c = TwoRows(p + 2 * stride, stride), d = TwoRows(p + 3 * stride, stride);
        Vector256<long> ab = Avx2.UnpackLow(a, b).AsInt64(), cd = Avx2.UnpackLow(c, d).AsInt64();
        v0 = Avx2.UnpackLow(ab, cd).AsInt32();
        v1 = Avx2.UnpackHigh(ab, cd).AsInt32();
        ab = Avx2.UnpackHigh(a, b).AsInt64();
        cd = Avx2.UnpackHigh(c, d).AsInt64();
        v2 = Avx2.UnpackLow(ab, cd).AsInt32();
        v3 = Avx2.UnpackHigh(ab, cd).AsInt32();
    }

    /// <summary>The first dword of each, in order. Reads no more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dwords(byte* p, nint stride)
    {
        byte* q = p + 4 * stride;
        return Vector256.Create(*(int*)p, *(int*)(p + stride), *(int*)(p + 2 * stride), *(int*)(p + 3 * stride),
            *(int*)q, *(int*)(q + stride), *(int*)(q + 2 * stride), *(int*)(q + 3 * stride));
    }

    // Rows r and r + 4.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> TwoRows(byte* p, nint stride) =>
        Avx2.InsertVector128(Vector128.Load((int*)p).ToVector256Unsafe(), Vector128.Load((int*)(p + 4 * stride)), 1);
}
