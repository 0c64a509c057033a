using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>A format with blocks of 32 as the 512-bit Gemm sees it. A step multiplies four values of each row. An int16 lane
/// holds the sum of eight steps of values up to 15 (8 * 2 * 15 * 127 = 30,480) or of four up to 31 (4 * 2 * 31 * 127 = 31,496), so a block
/// is multiplied in parts.</summary>
internal unsafe interface IUnpack512 : IGroup
{
    /// <summary>The values of the tile are 2^OffsetBits too large; negative: they are right.</summary>
    static abstract int OffsetBits { get; }

    /// <summary>The tile holds int16 values, two a lane and step, sixteen steps a block: for values whose products leave no room in int16.</summary>
    static virtual bool Words => false;

    /// <summary>Steps of a part: 4 or 8.</summary>
    static virtual int Steps => 8;

    /// <summary>The weight of the second part's sums; 0: there is no second part.</summary>
    static virtual short SecondPart => 0;

    /// <summary>Which activation of the block the second part begins with.</summary>
    static virtual int SecondStart => 0;

    /// <summary>Block b of sixteen rows: step j of row r to tile[128 * j + 4 * r].</summary>
    static abstract void SixteenRows(byte* group, int b, nint rowBytes, byte* tile);

    /// <summary>Scales and minimums of block b of sixteen rows.</summary>
    static abstract void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m);
}

/// <summary>Q4_0, Q4_1, Q5_0 and Q5_1.</summary>
internal readonly unsafe struct Nibbles512<T> : IUnpack512, IGroup<T> where T : INibbles
{
    public static int OffsetBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.HasMins ? -1 : T.HasHigh ? 4 : 3;
    }

    public static int Steps
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.HasHigh ? 4 : 8;
    }

    public static short SecondPart
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.HasHigh ? (short)1 : (short)0;
    }

    public static int SecondStart => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m)
    {
        Vector512<int> headers = Transpose512.BlockHeaders(group + b * T.BlockBytes, rowBytes);
        d = HalfFloat.LowerToSingle(headers);
        m = T.HasMins ? HalfFloat.UpperToSingle(headers) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        byte* block = group + b * T.BlockBytes;
        Transpose512.SixteenRows(block + T.BlockBytes - 16, rowBytes,
            out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3);
        Vector512<int> high = default;
        if (T.HasHigh) high = Transpose512.BlockHeaders(block + T.BlockBytes - 20, rowBytes);
        Store(v0, high, tile);
        Store(v1, high >>> 4, tile + 128);
        Store(v2, high >>> 8, tile + 256);
        Store(v3, high >>> 12, tile + 384);
    }

    // Low nibbles are values 4j.., high nibbles values 16 + 4j..; so the fifth bits are bits 0..3 and 16..19 of high.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, Vector512<int> high, byte* tile)
    {
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f), low = q & nibble, up = (q >>> 4) & nibble;
        if (T.HasHigh)
        {
            low |= Spread(high);
            up |= Spread(high >>> 16);
        }
        low.Store((int*)tile);
        up.Store((int*)(tile + 512));
    }

    // Bit i of the low four to bit 4 of byte i: the product moves it there by 4 + 7i, and no two of its terms meet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Spread(Vector512<int> bits) =>
        Avx512F.MultiplyLow(bits & Vector512.Create(15), Vector512.Create(0x02040810)) & Vector512.Create(0x10101010);
}

/// <summary>Q8_0 as int16: vpmaddubsw would have to multiply low and high nibbles apart. vpmaddwd takes as many instructions
/// and adds to int32 at once.</summary>
internal readonly unsafe struct WordsQ8_0 : IUnpack512, IGroup<Q8_0>
{
    public static int OffsetBits => -1;

    public static bool Words => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose512.BlockHeaders(group + b * Q8_0.Bytes, rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        for (int half = 0; half < 2; half++, tile += 1024)
        {
            Transpose512.SixteenRows(group + b * Q8_0.Bytes + 2 + 16 * half, rowBytes,
                out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3);
            Store(v0, tile);
            Store(v1, tile + 256);
            Store(v2, tile + 512);
            Store(v3, tile + 768);
        }
    }

    // Two bytes of each lane to the upper halves of its words, then down with their signs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, byte* tile)
    {
        Vector512<byte> first = Vector512.Create(0x0580048001800080ul, 0x0d800c8009800880, 0x0580048001800080, 0x0d800c8009800880,
            0x0580048001800080, 0x0d800c8009800880, 0x0580048001800080, 0x0d800c8009800880).AsByte();
        Vector512<byte> second = Vector512.Create(0x0780068003800280ul, 0x0f800e800b800a80, 0x0780068003800280, 0x0f800e800b800a80,
            0x0780068003800280, 0x0f800e800b800a80, 0x0780068003800280, 0x0f800e800b800a80).AsByte();
        (Avx512BW.Shuffle(q.AsByte(), first).AsInt16() >> 8).Store((short*)tile);
        (Avx512BW.Shuffle(q.AsByte(), second).AsInt16() >> 8).Store((short*)(tile + 128));
    }
}
