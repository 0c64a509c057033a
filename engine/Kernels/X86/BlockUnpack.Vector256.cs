using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A format with groups of eight blocks of 32 as the 256-bit kernels see it.</summary>
internal unsafe interface IUnpack256 : IGroup
{
    /// <summary>The bytes that <see cref="Quants"/> gives are 2^OffsetBits too large; negative: they are right.</summary>
    static abstract int OffsetBits { get; }

    /// <summary>The 32 values of block b, in order.</summary>
    static abstract Vector256<byte> Quants(byte* group, int b);

    /// <summary>The blocks' scales; and their minimums, or the scales of their second halves.</summary>
    static abstract void Scales(byte* group, out Vector256<float> d, out Vector256<float> m);

    /// <summary>The values of block b of eight rows: values 4j..4j+3 of row r to tile[64 * j + 4 * r].</summary>
    static abstract void EightRows(byte* group, int b, nint rowBytes, byte* tile);

    /// <summary>Scales of block b of eight rows; and minimums, or scales of the second halves.</summary>
    static abstract void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m);
}

/// <summary>Q4_0, Q4_1, Q5_0 and Q5_1.</summary>
internal readonly unsafe struct Nibbles256<T> : IUnpack256, IGroup<T> where T : INibbles
{
    public static int OffsetBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.HasMins ? -1 : T.HasHigh ? 4 : 3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b)
    {
        byte* block = group + b * T.BlockBytes;
        Vector256<uint> qs = Avx2.BroadcastVector128ToVector256(block + T.BlockBytes - 16).AsUInt32();
        Vector256<byte> q = Avx2.ShiftRightLogicalVariable(qs, Vector256.Create(0u, 0, 0, 0, 4, 4, 4, 4)).AsByte()
            & Vector256.Create((byte)15);
        if (!T.HasHigh) return q;
        // Byte i of the result looks at byte i / 8 of the fifth bits, there at bit i % 8.
        Vector256<byte> bit = Vector256.Create(0x8040201008040201).AsByte();
        Vector256<byte> high = Avx2.Shuffle(Vector256.Create(*(int*)(block + T.BlockBytes - 20)).AsByte(),
            Vector256.Create(0ul, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303).AsByte());
        return q | (Avx2.CompareEqual(high & bit, bit) & Vector256.Create((byte)16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m) =>
        ToSingle(Transpose256.BlockHeaders(group, T.BlockBytes), out d, out m);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m) =>
        ToSingle(Transpose256.BlockHeaders(group + b * T.BlockBytes, rowBytes), out d, out m);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ToSingle(Vector256<int> headers, out Vector256<float> d, out Vector256<float> m)
    {
        d = HalfFloat.LowerToSingle(headers);
        m = T.HasMins ? HalfFloat.UpperToSingle(headers) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        byte* block = group + b * T.BlockBytes;
        Transpose256.EightRows(block + T.BlockBytes - 16, rowBytes,
            out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
        Vector256<int> high = default;
        if (T.HasHigh) high = Transpose256.BlockHeaders(block + T.BlockBytes - 20, rowBytes);
        Store(v0, high, tile);
        Store(v1, high >>> 4, tile + 64);
        Store(v2, high >>> 8, tile + 128);
        Store(v3, high >>> 12, tile + 192);
    }

    // Low nibbles are values 4j.., high nibbles values 16 + 4j..; so the fifth bits are bits 0..3 and 16..19 of high.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, Vector256<int> high, byte* tile)
    {
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f), low = q & nibble, up = (q >>> 4) & nibble;
        if (T.HasHigh)
        {
            low |= Spread(high);
            up |= Spread(high >>> 16);
        }
        low.Store((int*)tile);
        up.Store((int*)(tile + 256));
    }

    // Bit i of the low four to bit 4 of byte i: the product moves it there by 4 + 7i, and no two of its terms meet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Spread(Vector256<int> bits) =>
        Avx2.MultiplyLow(bits & Vector256.Create(15), Vector256.Create(0x02040810)) & Vector256.Create(0x10101010);
}

/// <summary>Q8_0 as it is: signed bytes, for <see cref="SignedDot256"/>.</summary>
internal readonly unsafe struct SignedQ8_0 : IUnpack256, IGroup<Q8_0>
{
    public static int OffsetBits => -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b) => Vector256.Load(group + b * Q8_0.Bytes + 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose256.BlockHeaders(group, Q8_0.Bytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose256.BlockHeaders(group + b * Q8_0.Bytes, rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile) => Store(group + b * Q8_0.Bytes, rowBytes, tile, default);

    /// <summary>Eight rows with some bits flipped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* block, nint rowBytes, byte* tile, Vector256<int> flip)
    {
        for (int half = 0; half < 2; half++)
        {
            Transpose256.EightRows(block + 2 + 16 * half, rowBytes,
                out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            (v0 ^ flip).Store((int*)(tile + 256 * half));
            (v1 ^ flip).Store((int*)(tile + 256 * half + 64));
            (v2 ^ flip).Store((int*)(tile + 256 * half + 128));
            (v3 ^ flip).Store((int*)(tile + 256 * half + 192));
        }
    }
}

/// <summary>Q8_0 plus 128: unsigned bytes, for <see cref="VnniDot256"/>.</summary>
internal readonly unsafe struct BiasedQ8_0 : IUnpack256, IGroup<Q8_0>
{
    public static int OffsetBits => 7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b) => SignedQ8_0.Quants(group, b) ^ Vector256.Create((byte)0x80);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m) => SignedQ8_0.Scales(group, out d, out m);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m) =>
        SignedQ8_0.RowScales(group, b, rowBytes, out d, out m);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile) =>
        SignedQ8_0.Store(group + b * Q8_0.Bytes, rowBytes, tile, Vector256.Create(unchecked((int)0x80808080)));
}
