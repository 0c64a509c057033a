using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ1_S"/> with NEON.</summary>
internal readonly unsafe struct IQ1_S_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ1_S>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Vector128<ushort> s = (AdvSimd.LoadVector128(((IQ1_S*)w)->Qh) >>> 12) & Vector128.Create((ushort)7);
        s0 = (s + s + Vector128<ushort>.One).AsInt16();
        s1 = m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ1_S*)w0)->D, &((IQ1_S*)w1)->D, &((IQ1_S*)w2)->D, &((IQ1_S*)w3)->D) * (1f / 8);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        ushort* grid = Grids.Pointer(Grids.IQ1);
        byte* q = ((IQ1_S*)w)->Qs + (8 * i);
        nuint h0 = ((IQ1_S*)w)->Qh[2 * i], h1 = ((IQ1_S*)w)->Qh[2 * i + 1];
        Vector128<byte> lowest0 = Vector128.Create((byte)(0xf9 - (h0 >> 15 << 1))), lowest1 = Vector128.Create((byte)(0xf9 - (h1 >> 15 << 1)));

        Vector128<byte> entries = CodebookAdvSimd.EightEntries(grid, q[0] | ((h0 << 8) & 0x700), q[1] | ((h0 << 5) & 0x700), q[2] | ((h0 << 2) & 0x700),
            q[3] | ((h0 >> 1) & 0x700), q[4] | ((h1 << 8) & 0x700), q[5] | ((h1 << 5) & 0x700),
            q[6] | ((h1 << 2) & 0x700), q[7] | ((h1 >> 1) & 0x700));
        v0 = CodebookAdvSimd.Ternary(entries, lowest0, 0);
        v1 = CodebookAdvSimd.Ternary(entries, lowest0, 1);
        v2 = CodebookAdvSimd.Ternary(entries, lowest1, 2);
        v3 = CodebookAdvSimd.Ternary(entries, lowest1, 3);
    }
}
