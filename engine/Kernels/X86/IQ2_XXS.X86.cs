using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ2_XXS"/> on x64.</summary>
internal readonly unsafe struct IQ2_XXS_X86 : ICodebookX86<IQ2_XXS_X86>
{
    public static int Largest => 43;

    public static bool HasSigns => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w) => CodebookX86.OddScales(SignWords(w) >>> 28);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => CodebookX86.EvenSigns(SignWords(w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        ulong* grid = Grids.Pointer(Grids.IQ2_XXS);
        byte* q = ((IQ2_XXS*)w)->Qs + (8 * b);
        return CodebookX86.FourEntries(grid, q[0], q[1], q[2], q[3]);
    }

    // The second word of each block.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> SignWords(byte* w)
    {
        float* q = (float*)((IQ2_XXS*)w)->Qs;
        Vector256<float> odd = Avx.Shuffle(Vector256.Load(q), Vector256.Load(q + 8), 0xdd);
        return Avx2.Permute4x64(odd.AsInt64(), 0xd8).AsUInt32();
    }
}
