using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ2_S"/> on x64.</summary>
internal readonly unsafe struct IQ2_S_X86 : ICodebookX86<IQ2_S_X86>
{
    public static int Largest => 43;

    public static bool HasSigns => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w) => CodebookX86.OddScales(((IQ2_S*)w)->Scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => Vector256.Load(((IQ2_S*)w)->Signs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Indices(byte* w, ushort* indices)
    {
        // Bits 2l and 2l+1 of a byte become bits 8 and 9 of its lth index.
        Vector256<ushort> shift = Vector256.Create(0x0004001000400100ul).AsUInt16(), mask = Vector256.Create((ushort)0x300);
        CodebookX86.Indices(indices, ((IQ2_S*)w)->Qs, (CodebookX86.EachFourTimes(((IQ2_S*)w)->Qh) * shift) & mask);
        CodebookX86.Indices(indices + 16, ((IQ2_S*)w)->Qs + 16, (CodebookX86.EachFourTimes(((IQ2_S*)w)->Qh + 4) * shift) & mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        ushort* at = indices + (4 * b);
        return CodebookX86.FourEntries(Grids.Pointer(Grids.IQ2_S), at[0], at[1], at[2], at[3]);
    }
}
