using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q2_K"/> with NEON.</summary>
internal readonly unsafe struct Q2_K_AdvSimd : ISuperBlockAdvSimd, IGroup<Q2_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Vector128<byte> packed = AdvSimd.LoadVector128(((Q2_K*)w)->Scales);
        Vector128<byte> scales = packed & Vector128.Create((byte)15), mins = packed >>> 4;
        s0 = AdvSimd.ZeroExtendWideningLower(scales.GetLower()).AsInt16();
        s1 = AdvSimd.ZeroExtendWideningUpper(scales).AsInt16();
        m0 = AdvSimd.ZeroExtendWideningLower(mins.GetLower()).AsInt16();
        m1 = AdvSimd.ZeroExtendWideningUpper(mins).AsInt16();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
        => HalfFloatAdvSimd.LoadPairs4(&((Q2_K*)w0)->D, &((Q2_K*)w1)->D, &((Q2_K*)w2)->D, &((Q2_K*)w3)->D, out d, out dmin);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((Q2_K*)w)->Qs + (i / 2 * 32);
        Vector128<byte> q0 = AdvSimd.LoadVector128(q), q1 = AdvSimd.LoadVector128(q + 16);
        v0 = Pair(q0, i % 2 * 4).AsSByte();
        v1 = Pair(q1, i % 2 * 4).AsSByte();
        v2 = Pair(q0, (i % 2 * 4) + 2).AsSByte();
        v3 = Pair(q1, (i % 2 * 4) + 2).AsSByte();
    }

    /// <summary>Two bits of each byte, from an even bit on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Pair(Vector128<byte> q, int bit) => bit switch
    {
        0 => q & Vector128.Create((byte)3),
        6 => q >>> 6,
        _ => (q >>> bit) & Vector128.Create((byte)3),
    };
}
