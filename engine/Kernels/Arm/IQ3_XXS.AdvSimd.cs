using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ3_XXS"/> with NEON.</summary>
internal readonly unsafe struct IQ3_XXS_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ3_XXS>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        uint* signs = (uint*)((IQ3_XXS*)w)->Signs;
        s0 = CodebookAdvSimd.OddScales(AdvSimd.LoadVector128(signs) >>> 28, AdvSimd.LoadVector128(signs + 4) >>> 28);
        s1 = m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ3_XXS*)w0)->D, &((IQ3_XXS*)w1)->D, &((IQ3_XXS*)w2)->D, &((IQ3_XXS*)w3)->D) * (1f / 4);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        uint* grid = Grids.Pointer(Grids.IQ3_XXS);
        byte* q = ((IQ3_XXS*)w)->Qs + (16 * i);
        uint* words = (uint*)((IQ3_XXS*)w)->Signs + (2 * i);
        Vector128<byte> signs = CodebookAdvSimd.EvenSigns(words[0], words[1]);
        v0 = CodebookAdvSimd.Signed(CodebookAdvSimd.FourEntries(grid, q[0], q[1], q[2], q[3]), signs, 0);
        v1 = CodebookAdvSimd.Signed(CodebookAdvSimd.FourEntries(grid, q[4], q[5], q[6], q[7]), signs, 1);
        v2 = CodebookAdvSimd.Signed(CodebookAdvSimd.FourEntries(grid, q[8], q[9], q[10], q[11]), signs, 2);
        v3 = CodebookAdvSimd.Signed(CodebookAdvSimd.FourEntries(grid, q[12], q[13], q[14], q[15]), signs, 3);
    }
}
