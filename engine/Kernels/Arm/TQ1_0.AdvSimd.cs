using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="TQ1_0"/> with NEON.</summary>
internal readonly unsafe struct TQ1_0_AdvSimd : ISuperBlockAdvSimd, IGroup<TQ1_0>
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
        d = HalfFloatAdvSimd.Load4(&((TQ1_0*)w0)->D, &((TQ1_0*)w1)->D, &((TQ1_0*)w2)->D, &((TQ1_0*)w3)->D);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((TQ1_0*)w)->Qs;
        if (i < 3)
        {
            Vector128<byte> q0 = AdvSimd.LoadVector128(q), q1 = AdvSimd.LoadVector128(q + 16);
            v0 = Digit(q0, 2 * i);
            v1 = Digit(q1, 2 * i);
            if (i < 2)
            {
                v2 = Digit(q0, (2 * i) + 1);
                v3 = Digit(q1, (2 * i) + 1);
                return;
            }
        }
        else v0 = v1 = default;
        Vector128<byte> q2 = AdvSimd.LoadVector128(q + 32);
        if (i == 2)
        {
            v2 = Digit(q2, 0);
            v3 = Digit(q2, 1);
            return;
        }
        v0 = Digit(q2, 2);
        v1 = Digit(q2, 3);
        v2 = Digit(q2, 4);
        // The four last bytes, times 1, 3, 9 and 27.
        Vector128<byte> last = Vector128.Create(*(int*)((TQ1_0*)w)->Qh).AsByte();
        v3 = Digit(last * Vector128.Create(0x0303030301010101ul, 0x1b1b1b1b09090909).AsByte(), 0);
    }

    // Digit n in base 3 of fractions v / 256, less 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Digit(Vector128<byte> v, int n)
    {
        if (n > 0) v *= Vector128.Create((byte)(n == 1 ? 3 : n == 2 ? 9 : n == 3 ? 27 : 81));
        Vector128<byte> minus = AdvSimd.CompareGreaterThanOrEqual(v, Vector128.Create((byte)86))
            + AdvSimd.CompareGreaterThanOrEqual(v, Vector128.Create((byte)171));
        return (Vector128.Create(byte.MaxValue) - minus).AsSByte();
    }
}
