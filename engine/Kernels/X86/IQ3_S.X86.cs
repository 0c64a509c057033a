using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ3_S"/> on x64.</summary>
internal readonly unsafe struct IQ3_S_X86 : ICodebookX86<IQ3_S_X86>
{
    public static int Largest => 15;

    public static bool HasSigns => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w)
    {
        Vector256<uint> nibbles = Vector256.Create(*(uint*)((IQ3_S*)w)->Scales);
        return CodebookX86.OddScales(Avx2.ShiftRightLogicalVariable(nibbles, Vector256.Create(0u, 4, 8, 12, 16, 20, 24, 28)) & Vector256.Create(15u));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => Vector256.Load(((IQ3_S*)w)->Signs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Indices(byte* w, ushort* indices)
    {
        // Bit l of a byte becomes bit 8 of its lth index.
        Vector256<ushort> bit = Vector256.Create(0x0008000400020001ul, 0x0080004000200010, 0x0800040002000100, 0x8000400020001000).AsUInt16();
        for (int i = 0; i < 4; i++)
        {
            Vector256<ushort> high = Vector256.Create(*(ushort*)(((IQ3_S*)w)->Qh + (2 * i)));
            CodebookX86.Indices(indices + (16 * i), ((IQ3_S*)w)->Qs + (16 * i), Avx2.CompareEqual(high & bit, bit) & Vector256.Create((ushort)256));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        ushort* at = indices + (8 * b);
        uint* grid = Grids.Pointer(Grids.IQ3_S);
        Vector128<byte> lower = CodebookX86.FourEntries(grid, at[0], at[1], at[2], at[3]), upper = CodebookX86.FourEntries(grid, at[4], at[5], at[6], at[7]);
        return Avx2.InsertVector128(lower.ToVector256Unsafe(), upper, 1);
    }
}
