using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="TQ2_0"/> with NEON.</summary>
internal readonly unsafe struct TQ2_0_AdvSimd : ISuperBlockAdvSimd, IGroup<TQ2_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        s0 = Vector128<short>.One;
        s1 = m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((TQ2_0*)w0)->D, &((TQ2_0*)w1)->D, &((TQ2_0*)w2)->D, &((TQ2_0*)w3)->D);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((TQ2_0*)w)->Qs + (i / 2 * 32);
        Vector128<byte> q0 = AdvSimd.LoadVector128(q), q1 = AdvSimd.LoadVector128(q + 16), one = Vector128<byte>.One;
        v0 = (Q2_K_AdvSimd.Pair(q0, i % 2 * 4) - one).AsSByte();
        v1 = (Q2_K_AdvSimd.Pair(q1, i % 2 * 4) - one).AsSByte();
        v2 = (Q2_K_AdvSimd.Pair(q0, (i % 2 * 4) + 2) - one).AsSByte();
        v3 = (Q2_K_AdvSimd.Pair(q1, (i % 2 * 4) + 2) - one).AsSByte();
    }
}
