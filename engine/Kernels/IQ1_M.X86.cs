using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ1_M"/> on x64.</summary>
internal readonly unsafe struct IQ1_M_X86 : ICodebookX86
{
    /// <inheritdoc/>
    public static int Bytes => IQ1_M.Bytes;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Halves(byte* w) => IQ1_M.Half(w) << 16;

    /// <inheritdoc/>
    public static float Factor => 1f / 8;

    /// <inheritdoc/>
    public static int Largest => 9;

    /// <inheritdoc/>
    public static bool HasSigns => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w)
    {
        // Each word four times; a product brings three bits of its own to bits 9 to 11.
        Vector256<byte> words = Avx2.Shuffle(Vector256.Create(*(ulong*)((IQ1_M*)w)->Scales).AsByte(),
            Vector256.Create(0x0100010001000100ul, 0x0302030203020302, 0x0504050405040504, 0x0706070607060706).AsByte());
        Vector256<ushort> bits = Avx2.MultiplyLow(words.AsUInt16(), Vector256.Create(0x0001000800400200ul).AsUInt16()) >>> 9;
        Vector256<short> s = (bits & Vector256.Create((ushort)7)).AsInt16();
        return s + s + Vector256<short>.One;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => default;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, int b)
    {
        byte* q = ((IQ1_M*)w)->Qs + (4 * b);
        int high = *(ushort*)(((IQ1_M*)w)->Qh + (2 * b));
        // A byte for each run, -7 or, with its delta's bit set, -9; then each eight times.
        int minus = ((high >> 3) & 1) | ((high << 1) & 0x100) | ((high << 5) & 0x10000) | ((high << 9) & 0x1000000);
        Vector256<byte> lowest = Avx2.Shuffle(Vector256.Create(unchecked((int)0xf9f9f9f9) - (minus << 1)).AsByte(),
            Vector256.Create(0ul, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303).AsByte());
        return IQ1_S_X86.Ternary(
            q[0] | ((high << 8) & 0x700), q[1] | ((high << 4) & 0x700), q[2] | (high & 0x700), q[3] | ((high >> 4) & 0x700), lowest);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Quarter(byte* w, int i) => CodebookX86.Join(Block(w, 2 * i), Block(w, 2 * i + 1));
}
