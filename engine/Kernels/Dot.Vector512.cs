using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A quarter of a super-block's products at 512 bits: u8 weights times s8 activations, two of them an int16 (at most
/// 2 * 63 * 127 = 16002), then times the scales.</summary>
internal static unsafe class Dot512
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
    public static Vector512<int> Quarter(Vector512<byte> q, byte* x, Vector512<short> scales, short first) =>
        Avx512BW.MultiplyAddAdjacent(
            Avx512BW.MultiplyAddAdjacent(q, Vector512.Load((sbyte*)x)),
            Avx512BW.PermuteVar32x16(scales, Fours(first, (short)(first + 2))));

    /// <summary>Indices that spread two scales over the products of 32 values each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Pair(short first, short second) => Vector512.Create(Vector256.Create(first), Vector256.Create(second));

    /// <summary>Indices that spread scales first, first + 1, second, second + 1 over the products of 16 values each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Fours(short first, short second) => Vector512.Create(
        Vector256.Create(Vector128.Create(first), Vector128.Create((short)(first + 1))),
        Vector256.Create(Vector128.Create(second), Vector128.Create((short)(second + 1))));

    /// <summary>One count for the lower 32 bytes, one for the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Halves(ushort lower, ushort upper) => Vector512.Create(Vector256.Create(lower), Vector256.Create(upper));
}
