using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ4_XS"/> with NEON.</summary>
internal readonly unsafe struct IQ4_XS_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ4_XS>
{
    public static bool ScalesPer16 => true; // values go up to 127

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        // Six bits a block of 32: its scale stands for both halves.
        Vector128<uint> low = Vector128.Create(*(uint*)((IQ4_XS*)w)->ScalesLow), high = Vector128.Create((uint)((IQ4_XS*)w)->ScalesHigh << 4);
        Vector128<uint> nibble = Vector128.Create(15u), two = Vector128.Create(0x30u);
        Vector128<uint> first = (AdvSimd.ShiftLogical(low, Vector128.Create(0, -4, -8, -12)) & nibble)
            | (AdvSimd.ShiftLogical(high, Vector128.Create(0, -2, -4, -6)) & two);
        Vector128<uint> second = (AdvSimd.ShiftLogical(low, Vector128.Create(-16, -20, -24, -28)) & nibble)
            | (AdvSimd.ShiftLogical(high, Vector128.Create(-8, -10, -12, -14)) & two);
        s0 = (first | (first << 16)).AsInt16() - Vector128.Create((short)32);
        s1 = (second | (second << 16)).AsInt16() - Vector128.Create((short)32);
        m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ4_XS*)w0)->D, &((IQ4_XS*)w1)->D, &((IQ4_XS*)w2)->D, &((IQ4_XS*)w3)->D);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((IQ4_XS*)w)->Qs + (32 * i);
        IQ4_NL_AdvSimd.Levels(AdvSimd.LoadVector128(q), out v0, out v1);
        IQ4_NL_AdvSimd.Levels(AdvSimd.LoadVector128(q + 16), out v2, out v3);
    }
}
