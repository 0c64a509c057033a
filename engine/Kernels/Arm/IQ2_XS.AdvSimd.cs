using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ2_XS"/> with NEON.</summary>
internal readonly unsafe struct IQ2_XS_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ2_XS>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        CodebookAdvSimd.OddScales(((IQ2_XS*)w)->Scales, out s0, out s1);
        m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ2_XS*)w0)->D, &((IQ2_XS*)w1)->D, &((IQ2_XS*)w2)->D, &((IQ2_XS*)w3)->D) * (1f / 8);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        ulong* grid = Grids.Pointer(Grids.IQ2_XS);
        ushort* q = ((IQ2_XS*)w)->Qs + (8 * i);
        Vector64<byte> seven = AdvSimd.ExtractNarrowingLower(AdvSimd.LoadVector128(q) >>> 9);
        Vector128<byte> signs = CodebookAdvSimd.EvenSigns(seven.ToVector128Unsafe());
        v0 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, (nuint)q[0] & 511, (nuint)q[1] & 511), signs, 0);
        v1 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, (nuint)q[2] & 511, (nuint)q[3] & 511), signs, 1);
        v2 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, (nuint)q[4] & 511, (nuint)q[5] & 511), signs, 2);
        v3 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, (nuint)q[6] & 511, (nuint)q[7] & 511), signs, 3);
    }
}
