using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ1_S"/> on x64.</summary>
internal readonly unsafe struct IQ1_S_X86 : ICodebookX86<IQ1_S_X86>
{
    public static int Largest => 9;

    public static bool HasSigns => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w) =>
        CodebookX86.OddScales((Avx2.ConvertToVector256Int32(((IQ1_S*)w)->Qh).AsUInt32() >>> 12) & Vector256.Create(7u));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Indices(byte* w, ushort* indices)
    {
        // Three bits from bit 3l on become bits 8 to 10 of the lth index.
        Vector256<ushort> shift = Vector256.Create(0x0001000800400200ul).AsUInt16(), mask = Vector256.Create((ushort)0x700);
        ushort* high = ((IQ1_S*)w)->Qh;
        CodebookX86.Indices(indices, ((IQ1_S*)w)->Qs, ((CodebookX86.EachFourTimes(high) * shift) >>> 1) & mask);
        CodebookX86.Indices(indices + 16, ((IQ1_S*)w)->Qs + 16, ((CodebookX86.EachFourTimes(high + 4) * shift) >>> 1) & mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b) =>
        Ternary(indices + (4 * b), Vector256.Create((byte)(-7 - (((IQ1_S*)w)->Qh[b] >> 15 << 1))));

    /// <summary>Four entries of the table, each value 8 or 16 more than <paramref name="lowest"/> for a bit set or two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Ternary(ushort* at, Vector256<byte> lowest)
    {
        ushort* grid = Grids.Pointer(Grids.IQ1);
        Vector256<byte> entries =
            Vector256.Create(grid[at[0]] | ((ulong)grid[at[1]] << 16) | ((ulong)grid[at[2]] << 32) | ((ulong)grid[at[3]] << 48)).AsByte();
        Vector256<byte> bit = Vector256.Create(0x8040201008040201).AsByte(), eight = Vector256.Create((byte)8);
        Vector256<byte> first = Avx2.Shuffle(entries, Vector256.Create(0ul, 0x0202020202020202, 0x0404040404040404, 0x0606060606060606).AsByte());
        Vector256<byte> second = Avx2.Shuffle(entries,
            Vector256.Create(0x0101010101010101ul, 0x0303030303030303, 0x0505050505050505, 0x0707070707070707).AsByte());
        return lowest + (Avx2.CompareEqual(first & bit, bit) & eight) + (Avx2.CompareEqual(second & bit, bit) & eight);
    }
}
