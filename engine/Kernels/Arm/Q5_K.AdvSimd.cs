using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q5_K"/> with NEON.</summary>
internal readonly unsafe struct Q5_K_AdvSimd : ISuperBlockAdvSimd, IGroup<Q5_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Q4_K_AdvSimd.ScaleMins(((Q5_K*)w)->Scales, out s0, out m0);
        s1 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
        => HalfFloatAdvSimd.LoadPairs4(&((Q5_K*)w0)->D, &((Q5_K*)w1)->D, &((Q5_K*)w2)->D, &((Q5_K*)w3)->D, out d, out dmin);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        Vector128<byte> q0 = AdvSimd.LoadVector128(((Q5_K*)w)->Qs + (32 * i)), q1 = AdvSimd.LoadVector128(((Q5_K*)w)->Qs + (32 * i) + 16);
        Vector128<byte> h0 = AdvSimd.LoadVector128(((Q5_K*)w)->HighBits), h1 = AdvSimd.LoadVector128(((Q5_K*)w)->HighBits + 16);
        // The upper nibbles first: the other insertion overwrites q.
        v2 = High(q0, h0, (2 * i) + 1);
        v3 = High(q1, h1, (2 * i) + 1);
        v0 = Low(q0, h0, 2 * i);
        v1 = Low(q1, h1, 2 * i);
    }

    // A nibble below bit j of high.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Low(Vector128<byte> q, Vector128<byte> high, int j) =>
        (AdvSimd.ShiftLeftAndInsert(q, j == 0 ? high : high >>> j, 4) & Vector128.Create((byte)31)).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> High(Vector128<byte> q, Vector128<byte> high, int j) =>
        (AdvSimd.ShiftRightAndInsert(j < 4 ? high << (4 - j) : high >>> (j - 4), q, 4) & Vector128.Create((byte)31)).AsSByte();
}
