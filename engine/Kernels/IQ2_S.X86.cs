using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Looks up <see cref="IQ2_S"/> on x64.</summary>
internal readonly unsafe struct IQ2_S_X86 : ICodebookX86
{
    /// <inheritdoc/>
    public static int Bytes => IQ2_S.Bytes;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Halves(byte* w) => ((IQ2_S*)w)->D << 16;

    /// <inheritdoc/>
    public static float Factor => 1f / 8;

    /// <inheritdoc/>
    public static int Largest => 43;

    /// <inheritdoc/>
    public static bool HasSigns => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Scales(byte* w) => CodebookX86.OddScales(((IQ2_S*)w)->Scales);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Signs(byte* w) => Vector256.Load(((IQ2_S*)w)->Signs);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Block(byte* w, int b)
    {
        ulong* grid = Grids.Pointer(Grids.IQ2_S);
        byte* q = ((IQ2_S*)w)->Qs + (4 * b);
        int high = ((IQ2_S*)w)->Qh[b];
        return CodebookX86.Four(
            grid, q[0] | ((high << 8) & 0x300), q[1] | ((high << 6) & 0x300), q[2] | ((high << 4) & 0x300), q[3] | ((high << 2) & 0x300));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Quarter(byte* w, int i) => CodebookX86.Join(Block(w, 2 * i), Block(w, 2 * i + 1));
}
