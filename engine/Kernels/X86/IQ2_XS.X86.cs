using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ2_XS"/> on x64.</summary>
internal readonly unsafe struct IQ2_XS_X86 : ICodebookX86<IQ2_XS_X86>
{
    public static int Largest => 43;

    public static bool HasSigns => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w) => CodebookX86.OddScales(((IQ2_XS*)w)->Scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w)
    {
        ushort* q = ((IQ2_XS*)w)->Qs;
        Vector256<short> low = (Vector256.Load(q) >>> 9).AsInt16(), high = (Vector256.Load(q + 16) >>> 9).AsInt16();
        Vector256<byte> seven = Avx2.Permute4x64(Avx2.PackUnsignedSaturate(low, high).AsInt64(), 0xd8).AsByte();
        return CodebookX86.EvenSigns(seven.AsUInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Indices(byte* w, ushort* indices)
    {
        ushort* q = ((IQ2_XS*)w)->Qs;
        Vector256<ushort> nine = Vector256.Create((ushort)511);
        (Vector256.Load(q) & nine).Store(indices);
        (Vector256.Load(q + 16) & nine).Store(indices + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        ushort* at = indices + (4 * b);
        return CodebookX86.FourEntries(Grids.Pointer(Grids.IQ2_XS), at[0], at[1], at[2], at[3]);
    }
}
