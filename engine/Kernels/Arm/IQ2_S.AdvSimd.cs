using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ2_S"/> with NEON.</summary>
internal readonly unsafe struct IQ2_S_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ2_S>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        CodebookAdvSimd.OddScales(((IQ2_S*)w)->Scales, out s0, out s1);
        m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ2_S*)w0)->D, &((IQ2_S*)w1)->D, &((IQ2_S*)w2)->D, &((IQ2_S*)w3)->D) * (1f / 8);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        ulong* grid = Grids.Pointer(Grids.IQ2_S);
        byte* q = ((IQ2_S*)w)->Qs + (8 * i);
        nuint high = *(ushort*)(((IQ2_S*)w)->Qh + (2 * i));
        Vector128<byte> signs = AdvSimd.LoadVector64(((IQ2_S*)w)->Signs + (8 * i)).ToVector128Unsafe();
        v0 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[0] | ((high << 8) & 0x300), q[1] | ((high << 6) & 0x300)), signs, 0);
        v1 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[2] | ((high << 4) & 0x300), q[3] | ((high << 2) & 0x300)), signs, 1);
        v2 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[4] | (high & 0x300), q[5] | ((high >> 2) & 0x300)), signs, 2);
        v3 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[6] | ((high >> 4) & 0x300), q[7] | ((high >> 6) & 0x300)), signs, 3);
    }
}
