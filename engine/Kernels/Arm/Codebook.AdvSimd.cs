using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>What the NEON unpackers of the codebook formats share.</summary>
internal static unsafe class CodebookAdvSimd
{
    /// <summary>Two entries of a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> TwoEntries(ulong* grid, nuint i0, nuint i1) =>
        AdvSimd.LoadAndInsertScalar(Vector128.CreateScalarUnsafe(grid[i0]), 1, grid + i1).AsByte();

    /// <summary>Four entries of a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> FourEntries(uint* grid, nuint i0, nuint i1, nuint i2, nuint i3)
    {
        Vector128<uint> v = Vector128.CreateScalarUnsafe(grid[i0]);
        v = AdvSimd.LoadAndInsertScalar(v, 1, grid + i1);
        v = AdvSimd.LoadAndInsertScalar(v, 2, grid + i2);
        return AdvSimd.LoadAndInsertScalar(v, 3, grid + i3).AsByte();
    }

    /// <summary>Eight entries of a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> EightEntries(ushort* grid, nuint i0, nuint i1, nuint i2, nuint i3, nuint i4, nuint i5, nuint i6, nuint i7)
    {
        Vector128<ushort> v = Vector128.CreateScalarUnsafe(grid[i0]);
        v = AdvSimd.LoadAndInsertScalar(v, 1, grid + i1);
        v = AdvSimd.LoadAndInsertScalar(v, 2, grid + i2);
        v = AdvSimd.LoadAndInsertScalar(v, 3, grid + i3);
        v = AdvSimd.LoadAndInsertScalar(v, 4, grid + i4);
        v = AdvSimd.LoadAndInsertScalar(v, 5, grid + i5);
        v = AdvSimd.LoadAndInsertScalar(v, 6, grid + i6);
        return AdvSimd.LoadAndInsertScalar(v, 7, grid + i7).AsByte();
    }

    /// <summary>Sixteen magnitudes, negated where one of the bits of bytes 2k and 2k + 1 is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Signed(Vector128<byte> magnitudes, Vector128<byte> signs, int k)
    {
        Vector128<byte> mask = AdvSimd.CompareTest(EachEightTimes(signs, k), Vector128.Create(0x8040201008040201).AsByte());
        return ((magnitudes ^ mask) - mask).AsSByte();
    }

    /// <summary>Values of entries 2k and 2k + 1 of <see cref="Grids.IQ1"/>: each 8 or 16 more than the lowest for a bit set or two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Ternary(Vector128<byte> entries, Vector128<byte> lowest, int k)
    {
        Vector128<byte> bit = Vector128.Create(0x8040201008040201).AsByte(), eight = Vector128.Create((byte)8);
        ulong each = 0x0101010101010101ul * (uint)(4 * k);
        Vector128<byte> first = AdvSimd.Arm64.VectorTableLookup(entries, Vector128.Create(each, each + 0x0202020202020202).AsByte());
        Vector128<byte> second = AdvSimd.Arm64.VectorTableLookup(
            entries, Vector128.Create(each + 0x0101010101010101, each + 0x0303030303030303).AsByte());
        return (lowest + (AdvSimd.CompareTest(first, bit) & eight) + (AdvSimd.CompareTest(second, bit) & eight)).AsSByte();
    }

    /// <summary>Bytes 2k and 2k + 1, eight times each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> EachEightTimes(Vector128<byte> v, int k)
    {
        ulong each = 0x0101010101010101ul * (uint)(2 * k);
        return AdvSimd.Arm64.VectorTableLookup(v, Vector128.Create(each, each + 0x0101010101010101).AsByte());
    }

    /// <summary>Bytes of seven signs each get the eighth that makes their number even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> EvenSigns(Vector128<byte> seven) => seven | (AdvSimd.PopCount(seven) << 7);

    /// <summary>The same of words, each of which holds four times seven signs in its lower 28 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> EvenSigns(uint lower, uint upper)
    {
        ulong words = lower | ((ulong)upper << 32);
        ulong seven = (words & 0x7f0000007f) | ((words << 1) & 0x7f0000007f00) | ((words << 2) & 0x7f0000007f0000)
            | ((words << 3) & 0x7f0000007f000000);
        return EvenSigns(Vector128.CreateScalarUnsafe(seven).AsByte());
    }

    /// <summary>2s + 1 of the scales of eight blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> OddScales(Vector128<uint> low, Vector128<uint> high)
    {
        Vector128<ushort> s = AdvSimd.ExtractNarrowingUpper(AdvSimd.ExtractNarrowingLower(low), high);
        return (s + s + Vector128<ushort>.One).AsInt16();
    }

    /// <summary>2s + 1 of sixteen nibbles, the low one of a byte first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void OddScales(byte* nibbles, out Vector128<short> s0, out Vector128<short> s1)
    {
        Vector128<byte> packed = AdvSimd.LoadVector64(nibbles).ToVector128Unsafe();
        Vector128<byte> s = AdvSimd.Arm64.ZipLow(packed & Vector128.Create((byte)15), packed >>> 4);
        s = s + s + Vector128<byte>.One;
        s0 = AdvSimd.ZeroExtendWideningLower(s.GetLower()).AsInt16();
        s1 = AdvSimd.ZeroExtendWideningUpper(s).AsInt16();
    }
}
