using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ2_XXS"/> with NEON.</summary>
internal readonly unsafe struct IQ2_XXS_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ2_XXS>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        // The second word of each block: its upper four bits.
        uint* q = (uint*)((IQ2_XXS*)w)->Qs;
        Vector128<uint> low = AdvSimd.Arm64.UnzipOdd(AdvSimd.LoadVector128(q), AdvSimd.LoadVector128(q + 4));
        Vector128<uint> high = AdvSimd.Arm64.UnzipOdd(AdvSimd.LoadVector128(q + 8), AdvSimd.LoadVector128(q + 12));
        s0 = CodebookAdvSimd.OddScales(low >>> 28, high >>> 28);
        s1 = m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ2_XXS*)w0)->D, &((IQ2_XXS*)w1)->D, &((IQ2_XXS*)w2)->D, &((IQ2_XXS*)w3)->D) * (1f / 8);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        ulong* grid = Grids.Pointer(Grids.IQ2_XXS);
        byte* q = ((IQ2_XXS*)w)->Qs + (16 * i);
        Vector128<byte> signs = CodebookAdvSimd.EvenSigns(*(uint*)(q + 4), *(uint*)(q + 12));
        v0 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[0], q[1]), signs, 0);
        v1 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[2], q[3]), signs, 1);
        v2 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[8], q[9]), signs, 2);
        v3 = CodebookAdvSimd.Signed(CodebookAdvSimd.TwoEntries(grid, q[10], q[11]), signs, 3);
    }
}
