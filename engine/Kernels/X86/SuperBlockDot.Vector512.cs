using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A quarter of a super-block's products at 512 bits: u8 weights times s8 activations, two of them an int16 (at most
/// 2 * 63 * 127 = 16002), then times the scales.</summary>
internal static unsafe class SuperBlockDot512
{
    /// <summary>Two runs of 32 values whose activations stand at x0 and x1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Blocks(Vector512<byte> q, byte* x0, byte* x1, Vector512<short> scales, Vector512<short> spread)
    {
        Vector512<sbyte> x = Avx512F.InsertVector256(Vector256.Load((sbyte*)x0).ToVector512Unsafe(), Vector256.Load((sbyte*)x1), 1);
        return Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(q, x), Avx512BW.PermuteVar32x16(scales, spread));
    }

    /// <summary>Four consecutive blocks of 16, from block <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Quarter(Vector512<byte> q, byte* x, Vector512<short> scales, ulong first) =>
        Avx512BW.MultiplyAddAdjacent(
            Avx512BW.MultiplyAddAdjacent(q, Vector512.Load((sbyte*)x)),
            Avx512BW.PermuteVar32x16(scales, Fours(first, first + 2)));

    /// <summary>Indices that spread two scales over the products of 32 values each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Pair(ulong first, ulong second) => Quarters(first * Each, first * Each, second * Each, second * Each).AsInt16();

    /// <summary>Indices that spread scales first, first + 1, second, second + 1 over the products of 16 values each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Fours(ulong first, ulong second) =>
        Quarters(first * Each, (first + 1) * Each, second * Each, (second + 1) * Each).AsInt16();

    /// <summary>One count for the lower 32 bytes, one for the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> PerHalf(ulong lower, ulong upper) => Quarters(lower * Each, lower * Each, upper * Each, upper * Each).AsUInt16();

    // A word to all four of 64 bits.
    private const ulong Each = 0x0001000100010001;

    // Of scalars: of constant halves (Vector512.Create(lower, upper)) the code generator makes no constant.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Quarters(ulong a, ulong b, ulong c, ulong d) => Vector512.Create(a, a, b, b, c, c, d, d);
}
