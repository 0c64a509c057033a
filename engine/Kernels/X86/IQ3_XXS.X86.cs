using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ3_XXS"/> on x64.</summary>
internal readonly unsafe struct IQ3_XXS_X86 : ICodebookX86<IQ3_XXS_X86>
{
    public static int Largest => 62;

    public static bool HasSigns => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w) => CodebookX86.OddScales(Vector256.Load((uint*)((IQ3_XXS*)w)->Signs) >>> 28);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => CodebookX86.EvenSigns(Vector256.Load((uint*)((IQ3_XXS*)w)->Signs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        uint* grid = Grids.Pointer(Grids.IQ3_XXS);
        byte* q = ((IQ3_XXS*)w)->Qs + (8 * b);
        Vector128<byte> lower = CodebookX86.FourEntries(grid, q[0], q[1], q[2], q[3]), upper = CodebookX86.FourEntries(grid, q[4], q[5], q[6], q[7]);
        return Avx2.InsertVector128(lower.ToVector256Unsafe(), upper, 1);
    }
}
