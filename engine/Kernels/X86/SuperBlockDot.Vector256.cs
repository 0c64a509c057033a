using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Multiplies sums of products, int16, by scales, and adds adjacent ones.</summary>
internal interface IScale256
{
    /// <summary>acc + p * scales.</summary>
    static abstract Vector256<int> Add(Vector256<int> acc, Vector256<short> p, Vector256<short> scales);
}

/// <summary>With vpmaddwd and vpaddd.</summary>
internal readonly struct ScaleAvx2 : IScale256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> acc, Vector256<short> p, Vector256<short> scales) => acc + Avx2.MultiplyAddAdjacent(p, scales);
}

/// <summary>With vpdpwssd.</summary>
internal readonly struct ScaleVnni : IScale256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> acc, Vector256<short> p, Vector256<short> scales) =>
        AvxVnni.MultiplyWideningAndAdd(acc, p, scales);
}

/// <summary>32 values' products at 256 bits: u8 weights times s8 activations, two of them an int16 (at most 2 * 63 * 127 = 16002), then
/// times the scales.</summary>
internal static unsafe class SuperBlockDot256
{
    /// <summary>A block of 32 whose scale is word <paramref name="j"/> of both halves of scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Block<TScale>(Vector256<int> acc, Vector256<byte> q, byte* x, Vector256<short> scales, uint j) where TScale : IScale256 =>
        TScale.Add(acc, Avx2.MultiplyAddAdjacent(q, Vector256.Load((sbyte*)x)), Avx2.Shuffle(scales.AsByte(), Vector256.Create(Word(j)).AsByte()).AsInt16());

    /// <summary>Two blocks of 16 whose scales are words <paramref name="j"/> and j + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Blocks<TScale>(Vector256<int> acc, Vector256<byte> q, byte* x, Vector256<short> scales, uint j) where TScale : IScale256 =>
        TScale.Add(acc, Avx2.MultiplyAddAdjacent(q, Vector256.Load((sbyte*)x)),
            Avx2.Shuffle(scales.AsByte(), Vector256.Create(Word(j), Word(j), Word(j + 1), Word(j + 1)).AsByte()).AsInt16());

    /// <summary>The lower eight words in both halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Lower(Vector256<short> v) => Avx2.Permute4x64(v.AsInt64(), 0x44).AsInt16();

    /// <summary>The upper eight words in both halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Upper(Vector256<short> v) => Avx2.Permute4x64(v.AsInt64(), 0xee).AsInt16();

    /// <summary>Words 4 to 7 of both halves, as words 0 to 3: four shuffles then serve eight blocks, which leaves registers where there are sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> UpperFour(Vector256<short> v) => Avx2.ShiftRightLogical128BitLane(v, 8);

    // Byte indices of word j, four times.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Word(uint j) => ((2 * j) | ((2 * j + 1) << 8)) * 0x0001000100010001ul;
}
