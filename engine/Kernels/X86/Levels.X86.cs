using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A format with blocks of 32 whose nibbles name one of sixteen levels, in one of the forms that x64 kernels multiply.
/// A block is its scale, then 16 bytes of nibbles: values 0..15 low, 16..31 high.</summary>
internal interface ILevelsX86
{
    /// <summary>The levels are 2^OffsetBits too large; negative: they are right.</summary>
    static abstract int OffsetBits { get; }

    /// <summary>The levels, in each 128-bit lane.</summary>
    static abstract Vector256<byte> Levels { get; }

    /// <summary>The blocks' scales, of their first four bytes.</summary>
    static abstract Vector256<float> Scales(Vector256<int> headers);

    /// <inheritdoc cref="Scales(Vector256{int})"/>
    static abstract Vector512<float> Scales(Vector512<int> headers);
}

/// <summary><see cref="IQ4_NL"/> as signed bytes, for <see cref="SignedDot256"/>.</summary>
internal readonly struct SignedIQ4_NL : ILevelsX86
{
    public static int OffsetBits => -1;

    public static Vector256<byte> Levels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(0xf6eaddcfbfad9881ul, 0x7159453526190d01, 0xf6eaddcfbfad9881, 0x7159453526190d01).AsByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(Vector256<int> headers) => HalfFloat.LowerToSingle(headers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scales(Vector512<int> headers) => HalfFloat.LowerToSingle(headers);
}

/// <summary><see cref="IQ4_NL"/> plus 128, for <see cref="VnniDot256"/>.</summary>
internal readonly struct BiasedIQ4_NL : ILevelsX86
{
    public static int OffsetBits => 7;

    public static Vector256<byte> Levels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(0x766a5d4f3f2d1801ul, 0xf1d9c5b5a6998d81, 0x766a5d4f3f2d1801, 0xf1d9c5b5a6998d81).AsByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(Vector256<int> headers) => HalfFloat.LowerToSingle(headers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scales(Vector512<int> headers) => HalfFloat.LowerToSingle(headers);
}

/// <summary><see cref="MXFP4"/> plus 16: 4..28, for <see cref="FiveBitDot256"/> and <see cref="VnniDot256"/>.</summary>
internal readonly struct BiasedMXFP4 : ILevelsX86
{
    public static int OffsetBits => 4;

    public static Vector256<byte> Levels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(0x1c18161413121110ul, 0x04080a0c0d0e0f10, 0x1c18161413121110, 0x04080a0c0d0e0f10).AsByte();
    }

    /// <summary><see cref="MXFP4.Scale"/>: 0x00200000 shifted by an exponent under 2, else the exponent less 1 in its place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(Vector256<int> headers)
    {
        Vector256<int> e = headers & Vector256.Create(255), normal = (e - Vector256<int>.One) << 23;
        Vector256<int> subnormal = (e + Vector256<int>.One) << 21; // 0x00200000, 0x00400000
        return Vector256.ConditionalSelect(Vector256.LessThan(e, Vector256.Create(2)), subnormal, normal).AsSingle();
    }

    /// <inheritdoc cref="Scales(Vector256{int})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scales(Vector512<int> headers)
    {
        Vector512<int> e = headers & Vector512.Create(255), normal = (e - Vector512<int>.One) << 23;
        Vector512<int> subnormal = (e + Vector512<int>.One) << 21;
        return Vector512.ConditionalSelect(Vector512.LessThan(e, Vector512.Create(2)), subnormal, normal).AsSingle();
    }
}

/// <summary>Looks levels up for the 256-bit kernels.</summary>
internal readonly unsafe struct Levels256<TFormat, T> : IUnpack256, IGroup<TFormat> where TFormat : IBlock32 where T : ILevelsX86
{
    public static int OffsetBits => T.OffsetBits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b)
    {
        Vector256<uint> q = Avx2.BroadcastVector128ToVector256(group + b * TFormat.BlockBytes + TFormat.BlockBytes - 16).AsUInt32();
        Vector256<byte> nibbles = Avx2.ShiftRightLogicalVariable(q, Vector256.Create(0u, 0, 0, 0, 4, 4, 4, 4)).AsByte() & Vector256.Create((byte)15);
        return Avx2.Shuffle(T.Levels, nibbles);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m)
    {
        d = T.Scales(Transpose256.BlockHeaders(group, TFormat.BlockBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m)
    {
        d = T.Scales(Transpose256.BlockHeaders(group + b * TFormat.BlockBytes, rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        Transpose256.EightRows(group + b * TFormat.BlockBytes + TFormat.BlockBytes - 16, rowBytes,
            out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
        Store(v0, tile);
        Store(v1, tile + 64);
        Store(v2, tile + 128);
        Store(v3, tile + 192);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, byte* tile)
    {
        Vector256<byte> nibble = Vector256.Create((byte)15), levels = T.Levels;
        Avx2.Shuffle(levels, q.AsByte() & nibble).Store(tile);
        Avx2.Shuffle(levels, (q >>> 4).AsByte() & nibble).Store(tile + 256);
    }
}

/// <summary>Looks levels up for the 512-bit Gemm. Levels up to 31 fit four steps; others are done in two
/// parts, low nibbles and high nibbles.</summary>
internal readonly unsafe struct Levels512<TFormat, T> : IUnpack512, IGroup<TFormat> where TFormat : IBlock32 where T : ILevelsX86
{
    public static int OffsetBits => T.OffsetBits;

    public static int Steps
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSplit ? 8 : 4;
    }

    public static short SecondPart
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSplit ? (short)16 : (short)1;
    }

    public static int SecondStart
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSplit ? 0 : 16;
    }

    private static bool IsSplit => T.OffsetBits > 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m)
    {
        d = T.Scales(Transpose512.BlockHeaders(group + b * TFormat.BlockBytes, rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        Transpose512.SixteenRows(group + b * TFormat.BlockBytes + TFormat.BlockBytes - 16, rowBytes,
            out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3);
        Store(v0, tile);
        Store(v1, tile + 128);
        Store(v2, tile + 256);
        Store(v3, tile + 384);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, byte* tile)
    {
        Vector512<byte> nibble = Vector512.Create((byte)15);
        Vector512<byte> levels = Avx512F.InsertVector256(T.Levels.ToVector512Unsafe(), T.Levels, 1);
        Vector512<byte> low = Avx512BW.Shuffle(levels, q.AsByte() & nibble), up = Avx512BW.Shuffle(levels, (q >>> 4).AsByte() & nibble);
        if (!IsSplit)
        {
            low.Store(tile);
            up.Store(tile + 512);
            return;
        }
        (low & nibble).Store(tile);
        (up & nibble).Store(tile + 512);
        ((low.AsUInt16() >>> 4).AsByte() & nibble).Store(tile + 1024);
        ((up.AsUInt16() >>> 4).AsByte() & nibble).Store(tile + 1536);
    }
}
