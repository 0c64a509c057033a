using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A format with super-blocks whose values come out of tables, as the x64 kernels of both widths see it:
/// D * <see cref="ISuperBlockLayout.Factor"/> * scale * value.</summary>
internal unsafe interface ICodebookX86<TSelf> where TSelf : ICodebookX86<TSelf>
{
    /// <summary>The largest magnitude of a value.</summary>
    static abstract int Largest { get; }

    /// <summary>Blocks are magnitudes, signs stand apart.</summary>
    static abstract bool HasSigns { get; }

    /// <summary>Sixteen scales, of 16 values each.</summary>
    static abstract Vector256<short> Scales(byte* w);

    /// <summary>Signs, a bit a value in order, set for the negative ones; not used without <see cref="HasSigns"/>.</summary>
    static virtual Vector256<byte> Signs(byte* w) => default;

    /// <summary>Writes the table indices, up to 64, where they are not bytes of the block.</summary>
    static virtual void Indices(byte* w, ushort* indices)
    {
    }

    /// <summary>Magnitudes of values 32b..32b+31 or, without <see cref="HasSigns"/>, signed bytes.</summary>
    static abstract Vector256<byte> Block(byte* w, ushort* indices, int b);

    /// <summary>The same of values 64i..64i+63.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual Vector512<byte> Quarter(byte* w, ushort* indices, int i) =>
        CodebookX86.Concatenate(TSelf.Block(w, indices, 2 * i), TSelf.Block(w, indices, 2 * i + 1));
}

/// <summary>What these kernels share.</summary>
internal static unsafe class CodebookX86
{
    /// <summary>Two blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Concatenate(Vector256<byte> lower, Vector256<byte> upper) => Avx512F.InsertVector256(lower.ToVector512Unsafe(), upper, 1);

    /// <summary>Four entries of a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> FourEntries(ulong* grid, int i0, int i1, int i2, int i3) =>
        Avx2.InsertVector128(TwoEntries(grid, i0, i1).ToVector256Unsafe(), TwoEntries(grid, i2, i3), 1);

    /// <summary>Four entries of a table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> FourEntries(uint* grid, int i0, int i1, int i2, int i3)
    {
        Vector128<uint> v = Vector128.CreateScalarUnsafe(grid[i0]);
        v = Sse41.Insert(v, grid[i1], 1);
        v = Sse41.Insert(v, grid[i2], 2);
        return Sse41.Insert(v, grid[i3], 3).AsByte();
    }

    /// <summary>Sixteen indices: lower bytes, and what is over them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Indices(ushort* indices, byte* lower, Vector256<ushort> higher) =>
        (Avx2.ConvertToVector256Int16(lower).AsUInt16() | higher).Store(indices);

    /// <summary>Each of four words four times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> EachFourTimes(ushort* words) => Avx2.Shuffle(Vector256.Create(*(ulong*)words).AsByte(),
        Vector256.Create(0x0100010001000100ul, 0x0302030203020302, 0x0504050405040504, 0x0706070607060706).AsByte()).AsUInt16();

    /// <summary>Each of four bytes four times, as a word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> EachFourTimes(byte* bytes) => Avx2.Shuffle(Vector256.Create(*(uint*)bytes).AsByte(),
        Vector256.Create(0x8000800080008000ul, 0x8001800180018001, 0x8002800280028002, 0x8003800380038003).AsByte()).AsUInt16();

    /// <summary>Bytes of all ones where a bit is set: byte i for bit i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Mask(uint bits)
    {
        Vector256<byte> bit = Vector256.Create(0x8040201008040201).AsByte();
        Vector256<byte> spread = Avx2.Shuffle(Vector256.Create(bits).AsByte(),
            Vector256.Create(0ul, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303).AsByte());
        return Avx2.CompareEqual(spread & bit, bit).AsSByte();
    }

    /// <summary>Bytes of seven signs each get the eighth that makes their number even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> EvenSigns(Vector256<ushort> seven)
    {
        // Bits fold onto bit 0 of each byte; what comes over from the byte above stays clear of it.
        Vector256<ushort> parity = seven ^ ((seven >>> 4) & Vector256.Create((ushort)0x0707));
        parity ^= parity >>> 2;
        parity ^= parity >>> 1;
        return (seven | ((parity << 7) & Vector256.Create((ushort)0x8080))).AsByte();
    }

    /// <summary>The same of words, each of which holds four times seven signs in its lower 28 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> EvenSigns(Vector256<uint> words) => EvenSigns((
        (words & Vector256.Create(0x7fu)) | ((words << 1) & Vector256.Create(0x7f00u))
        | ((words << 2) & Vector256.Create(0x7f0000u)) | ((words << 3) & Vector256.Create(0x7f000000u))).AsUInt16());

    /// <summary>2s + 1 for both halves of a block of 32, of the scales of eight blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> OddScales(Vector256<uint> s) => Twice(s + s + Vector256<uint>.One);

    /// <summary>2s + 1 of sixteen nibbles, the low one of a byte first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> OddScales(byte* nibbles)
    {
        Vector128<short> bytes = Sse41.ConvertToVector128Int16(nibbles);
        Vector128<byte> each = ((bytes | (bytes << 4)) & Vector128.Create((short)0x0f0f)).AsByte();
        Vector256<short> s = Avx2.ConvertToVector256Int16(each);
        return s + s + Vector256<short>.One;
    }

    /// <summary>The lower half of every word, twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Twice(Vector256<uint> s) => (s | (s << 16)).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> TwoEntries(ulong* grid, int i0, int i1) =>
        Sse.LoadHigh(Vector128.CreateScalarUnsafe(grid[i0]).AsSingle(), (float*)(grid + i1)).AsByte();
}
