using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ1_M"/> on x64.</summary>
internal readonly unsafe struct IQ1_M_X86 : ICodebookX86<IQ1_M_X86>
{
    public static int Largest => 9;

    public static bool HasSigns => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w)
    {
        // A product brings three bits of each word to bits 9 to 11.
        Vector256<ushort> words = CodebookX86.EachFourTimes(((IQ1_M*)w)->Scales);
        Vector256<ushort> bits = (words * Vector256.Create(0x0001000800400200ul).AsUInt16()) >>> 9;
        Vector256<short> s = (bits & Vector256.Create((ushort)7)).AsInt16();
        return s + s + Vector256<short>.One;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Indices(byte* w, ushort* indices)
    {
        // Three bits from bit 4l on become bits 8 to 10 of the lth index.
        Vector256<ushort> shift = Vector256.Create(0x0001001001001000ul).AsUInt16(), mask = Vector256.Create((ushort)0x700);
        ushort* high = (ushort*)((IQ1_M*)w)->Qh;
        CodebookX86.Indices(indices, ((IQ1_M*)w)->Qs, ((CodebookX86.EachFourTimes(high) * shift) >>> 4) & mask);
        CodebookX86.Indices(indices + 16, ((IQ1_M*)w)->Qs + 16, ((CodebookX86.EachFourTimes(high + 4) * shift) >>> 4) & mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        int high = *(ushort*)(((IQ1_M*)w)->Qh + (2 * b));
        // A byte for each run, -7 or, with its delta's bit set, -9; then each eight times.
        int minus = ((high >> 3) & 1) | ((high << 1) & 0x100) | ((high << 5) & 0x10000) | ((high << 9) & 0x1000000);
        Vector256<byte> lowest = Avx2.Shuffle(Vector256.Create(unchecked((int)0xf9f9f9f9) - (minus << 1)).AsByte(),
            Vector256.Create(0ul, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303).AsByte());
        return IQ1_S_X86.Ternary(indices + (4 * b), lowest);
    }
}
