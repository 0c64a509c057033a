using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q6_K"/> with NEON.</summary>
internal readonly unsafe struct Q6_K_AdvSimd : ISuperBlockAdvSimd, IGroup<Q6_K>
{
    private const int HighOffset = 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Vector128<sbyte> scales = AdvSimd.LoadVector128(((Q6_K*)w)->Scales);
        s1 = AdvSimd.SignExtendWideningUpper(scales);
        s0 = AdvSimd.SignExtendWideningLower(scales.GetLower());
        m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((Q6_K*)w0)->D, &((Q6_K*)w1)->D, &((Q6_K*)w2)->D, &((Q6_K*)w3)->D);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        Vector128<byte> h0 = AdvSimd.LoadVector128(w + HighOffset + (i / 2 * 32)), h1 = AdvSimd.LoadVector128(w + HighOffset + (i / 2 * 32) + 16);
        v0 = Value(AdvSimd.LoadVector128(w + (i / 2 * 64)), h0, i % 2, 0);
        v1 = Value(AdvSimd.LoadVector128(w + (i / 2 * 64) + 16), h1, i % 2, 0);
        v2 = Value(AdvSimd.LoadVector128(w + (i / 2 * 64) + 32), h0, i % 2, 1);
        v3 = Value(AdvSimd.LoadVector128(w + (i / 2 * 64) + 48), h1, i % 2, 1);
    }

    // Low nibbles and bits 0..1 or 2..3, or high nibbles and bits 4..5 or 6..7.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Value(Vector128<byte> low, Vector128<byte> high, int nibble, int pair)
    {
        if (pair == 1) high >>>= 2;
        Vector128<byte> six = nibble == 0 ? AdvSimd.ShiftLeftAndInsert(low, high, 4) : AdvSimd.ShiftRightAndInsert(high, low, 4);
        return ((six & Vector128.Create((byte)63)) - Vector128.Create((byte)32)).AsSByte();
    }
}
