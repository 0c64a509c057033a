using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ3_S"/> on x64.</summary>
internal readonly unsafe struct IQ3_S_X86 : ICodebookX86
{
    /// <inheritdoc/>
    public static int Bytes => IQ3_S.Bytes;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Halves(byte* w) => ((IQ3_S*)w)->D << 16;

    /// <inheritdoc/>
    public static float Factor => 1;

    /// <inheritdoc/>
    public static int Largest => 15;

    /// <inheritdoc/>
    public static bool HasSigns => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w)
    {
        Vector256<uint> nibbles = Vector256.Create(*(uint*)((IQ3_S*)w)->Scales);
        return CodebookX86.OddScales(Avx2.ShiftRightLogicalVariable(nibbles, Vector256.Create(0u, 4, 8, 12, 16, 20, 24, 28)) & Vector256.Create(15u));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => Vector256.Load(((IQ3_S*)w)->Signs);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, int b)
    {
        byte* q = ((IQ3_S*)w)->Qs + (8 * b);
        int high = ((IQ3_S*)w)->Qh[b];
        Vector128<byte> lower = Entries(q, high), upper = Entries(q + 4, high >> 4);
        return Avx2.InsertVector128(lower.ToVector256Unsafe(), upper, 1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Quarter(byte* w, int i) => CodebookX86.Join(Block(w, 2 * i), Block(w, 2 * i + 1));

    // Four runs, whose indices' ninth bits are the lowest ones of high.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Entries(byte* q, int high) => CodebookX86.Four(
        Grids.Pointer(Grids.IQ3_S),
        q[0] | ((high << 8) & 256), q[1] | ((high << 7) & 256), q[2] | ((high << 6) & 256), q[3] | ((high << 5) & 256));
}
