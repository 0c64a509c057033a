using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q3_K"/> with NEON.</summary>
internal readonly unsafe struct Q3_K_AdvSimd : ISuperBlockAdvSimd, IGroup<Q3_K>
{
    private const int QsOffset = 32;

    /// <summary>See <see cref="Q3_K.Scale"/>; four at a time in integer registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        byte* packed = ((Q3_K*)w)->Scales;
        ulong low = Unsafe.ReadUnaligned<ulong>(packed);
        uint high = Unsafe.ReadUnaligned<uint>(packed + 8);
        ulong first = ((high << 4) & 0x30303030) | ((ulong)((high << 2) & 0x30303030) << 32);
        ulong last = (high & 0x30303030) | ((ulong)((high >> 2) & 0x30303030) << 32);
        s0 = Widened((low & 0x0f0f0f0f0f0f0f0f) | first);
        s1 = Widened(((low >> 4) & 0x0f0f0f0f0f0f0f0f) | last);
        m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((Q3_K*)w0)->D, &((Q3_K*)w1)->D, &((Q3_K*)w2)->D, &((Q3_K*)w3)->D);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        Vector128<byte> q0 = AdvSimd.LoadVector128(w + QsOffset + (i / 2 * 32)), q1 = AdvSimd.LoadVector128(w + QsOffset + (i / 2 * 32) + 16);
        Vector128<byte> clear0 = ~AdvSimd.LoadVector128(w), clear1 = ~AdvSimd.LoadVector128(w + 16);
        Vector128<byte> even = Vector128.Create((byte)(1 << (2 * i))), odd = Vector128.Create((byte)(2 << (2 * i)));
        v0 = Value(q0, i % 2 * 4, clear0, even);
        v1 = Value(q1, i % 2 * 4, clear1, even);
        v2 = Value(q0, (i % 2 * 4) + 2, clear0, odd);
        v3 = Value(q1, (i % 2 * 4) + 2, clear1, odd);
    }

    // Two bits of q. A clear high bit takes 4 off: in two's complement, it sets the upper six.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Value(Vector128<byte> q, int shift, Vector128<byte> clear, Vector128<byte> bit) =>
        AdvSimd.ShiftLeftAndInsert(shift == 0 ? q : q >>> shift, AdvSimd.CompareTest(clear, bit), 2).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Widened(ulong bytes) =>
        AdvSimd.ZeroExtendWideningLower(Vector64.CreateScalar(bytes).AsByte()).AsInt16() - Vector128.Create((short)32);
}
