using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ4_XS"/> on x64.</summary>
internal readonly unsafe struct IQ4_XS_X86 : ICodebookX86<IQ4_XS_X86>
{
    public static int Largest => 127;

    public static bool HasSigns => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w)
    {
        Vector256<uint> low = Vector256.Create(*(uint*)((IQ4_XS*)w)->ScalesLow), high = Vector256.Create((uint)((IQ4_XS*)w)->ScalesHigh);
        low = Avx2.ShiftRightLogicalVariable(low, Vector256.Create(0u, 4, 8, 12, 16, 20, 24, 28)) & Vector256.Create(15u);
        high = Avx2.ShiftRightLogicalVariable(high << 4, Vector256.Create(0u, 2, 4, 6, 8, 10, 12, 14)) & Vector256.Create(0x30u);
        return CodebookX86.Twice(low | high) - Vector256.Create((short)32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, ushort* indices, int b)
    {
        Vector256<uint> q = Avx2.BroadcastVector128ToVector256(((IQ4_XS*)w)->Qs + (16 * b)).AsUInt32();
        Vector256<byte> nibbles = Avx2.ShiftRightLogicalVariable(q, Vector256.Create(0u, 0, 0, 0, 4, 4, 4, 4)).AsByte() & Vector256.Create((byte)15);
        return Avx2.Shuffle(Levels, nibbles);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Quarter(byte* w, ushort* indices, int i)
    {
        Vector512<ulong> two = Vector256.Load((ulong*)(((IQ4_XS*)w)->Qs + (32 * i))).ToVector512Unsafe();
        Vector512<ulong> q = Avx512F.ShiftRightLogicalVariable(
            Avx512F.PermuteVar8x64(two, Vector512.Create(0ul, 1, 0, 1, 2, 3, 2, 3)), Vector512.Create(0ul, 0, 4, 4, 0, 0, 4, 4));
        return Avx512BW.Shuffle(Vector512.Create(
            0xf6eaddcfbfad9881ul, 0x7159453526190d01, 0xf6eaddcfbfad9881, 0x7159453526190d01,
            0xf6eaddcfbfad9881, 0x7159453526190d01, 0xf6eaddcfbfad9881, 0x7159453526190d01).AsByte(), q.AsByte() & Vector512.Create((byte)15));
    }


    // IQ4_NL.Values in each half.
    private static Vector256<byte> Levels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(0xf6eaddcfbfad9881ul, 0x7159453526190d01, 0xf6eaddcfbfad9881, 0x7159453526190d01).AsByte();
    }
}
