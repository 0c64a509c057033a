using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>A cache format of blocks of 32 values.</summary>
internal unsafe interface IKvBlock
{
    /// <summary>Quantizes 32 finite values. This is scalar code, the same on every processor: the bits in the cache are part of the result.</summary>
    static abstract void Quantize(float* x, byte* block);
}

/// <summary>What the block formats of the cache share.</summary>
internal static unsafe class KvBlock
{
    /// <summary>Stores n floats, the last block filled up with zeros; false if one is not finite: its block becomes zeros.</summary>
    public static bool Store<TBlock>(float* x, byte* row, int n, int bytes) where TBlock : struct, IKvBlock
    {
        bool finite = true;
        float* padded = stackalloc float[32];
        for (int i = 0; i < n; i += 32, row += bytes)
        {
            for (int j = 0; j < 32; j++) padded[j] = i + j < n ? x[i + j] : 0;
            bool all = Finite.All(padded, 32);
            if (all) TBlock.Quantize(padded, row);
            else new Span<byte>(row, bytes).Clear();
            finite &= all;
        }
        return finite;
    }

    /// <summary>Rounds a scale to half precision, stores it, and returns what 1 is divided by it; 0 if it is 0.</summary>
    public static float StoreScale(float scale, ushort* half)
    {
        *half = HalfFloat.FromSingle(scale);
        float stored = HalfFloat.ToSingle(*half);
        return stored == 0 ? 0 : 1 / stored;
    }

    /// <summary>Of 32 values the first of largest magnitude, with its sign.</summary>
    public static float Extreme(float* x)
    {
        float extreme = 0;
        for (int i = 0; i < 32; i++) if (Math.Abs(x[i]) > Math.Abs(extreme)) extreme = x[i];
        return extreme;
    }

    /// <summary>16 levels of 4 bits: of values 0..15 of a block, or of 16..31.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Nibbles(byte* nibbles, bool second)
    {
        Vector128<byte> both = Vector128.Load(nibbles);
        return second ? both >>> 4 : both & Vector128.Create((byte)15);
    }
}

/// <summary>A cache of <see cref="Q4_0"/>, <see cref="Q4_1"/>, <see cref="Q5_0"/> or <see cref="Q5_1"/> blocks. Without a minimum the value of largest
/// magnitude takes the lowest level; with one the levels span lowest to highest value. Scale and minimum are rounded to half precision, then
/// each value takes the nearest level, ties to even.</summary>
internal unsafe readonly struct KvNibbles<TBlock> : IKvFormat, IKvBlock where TBlock : struct, INibbles
{
    public static int Bytes32 => TBlock.BlockBytes;

    private static int Levels => TBlock.HasHigh ? 32 : 16;

    // A level without a minimum is a signed number.
    private static int Zero => TBlock.HasMins ? 0 : Levels / 2;

    private static int HighOffset => TBlock.HasMins ? 4 : 2;

    private static int NibbleOffset => HighOffset + (TBlock.HasHigh ? 4 : 0);

    public static void Load(byte* row, int n, float* y)
    {
        for (int i = 0; i < n; i += 32, row += TBlock.BlockBytes) TBlock.Dequantize(row, y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes>
    {
        byte* block = row + (i / 32 * TBlock.BlockBytes);
        bool second = i % 32 != 0;
        Vector128<byte> levels = KvBlock.Nibbles(block + NibbleOffset, second);
        if (TBlock.HasHigh) levels |= High(block + HighOffset + (second ? 2 : 0));
        TLanes scaled = TLanes.Multiply(
            TLanes.Broadcast(HalfFloat.ToSingle(*(ushort*)block)), TLanes.FromBytes(levels.AsSByte() - Vector128.Create((sbyte)Zero)));
        return TBlock.HasMins ? TLanes.Add(scaled, TLanes.Broadcast(HalfFloat.ToSingle(((ushort*)block)[1]))) : scaled;
    }

    public static bool Store(float* x, byte* row, int n) => KvBlock.Store<KvNibbles<TBlock>>(x, row, n, TBlock.BlockBytes);

    public static bool AreFinite(byte* row, int n) =>
        Finite.Halves(row, n / 32, TBlock.BlockBytes) && (!TBlock.HasMins || Finite.Halves(row + sizeof(ushort), n / 32, TBlock.BlockBytes));

    public static void Quantize(float* x, byte* block)
    {
        float minimum = 0, inverse;
        if (TBlock.HasMins)
        {
            float lowest = x[0], highest = x[0];
            for (int i = 1; i < 32; i++) (lowest, highest) = (Math.Min(lowest, x[i]), Math.Max(highest, x[i]));
            KvBlock.StoreScale(lowest, (ushort*)block + 1);
            minimum = HalfFloat.ToSingle(((ushort*)block)[1]);
            inverse = KvBlock.StoreScale((highest - lowest) / (Levels - 1), (ushort*)block);
        }
        else inverse = KvBlock.StoreScale(KvBlock.Extreme(x) / -Zero, (ushort*)block);

        new Span<byte>(block + HighOffset, TBlock.BlockBytes - HighOffset).Clear();
        for (int i = 0; i < 32; i++)
        {
            int level = (int)Math.Clamp(MathF.Round((x[i] - minimum) * inverse) + Zero, 0, Levels - 1);
            block[NibbleOffset + (i % 16)] |= (byte)((level & 15) << (i / 16 * 4));
            if (TBlock.HasHigh) block[HighOffset + (i / 8)] |= (byte)(level >> 4 << (i % 8));
        }
    }

    // Fifth bits of 16 values, each as 16 or 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> High(byte* bits)
    {
        const ulong EveryByte = 0x0101010101010101, BitOfEach = 0x8040201008040201;
        Vector128<byte> mask = Vector128.Create(BitOfEach).AsByte();
        return Vector128.Equals(Vector128.Create(bits[0] * EveryByte, bits[1] * EveryByte).AsByte() & mask, mask) & Vector128.Create((byte)16);
    }
}

/// <summary>A cache of <see cref="IQ4_NL"/> blocks. With the levels nearest when the value of largest magnitude takes the lowest level, the scale is
/// that of the least squared error, each value weighted by its own square; then each takes the nearest level.</summary>
internal unsafe readonly struct KvIQ4_NL : IKvFormat, IKvBlock
{
    public static int Bytes32 => IQ4_NL.Bytes;

    public static void Load(byte* row, int n, float* y)
    {
        for (int i = 0; i < n; i += 32, row += IQ4_NL.Bytes) IQ4_NL.Dequantize(row, y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes>
    {
        var block = (IQ4_NL*)row + (i / 32);
        Vector128<sbyte> levels = Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
        Vector128<sbyte> chosen = Vector128.Shuffle(levels, KvBlock.Nibbles(block->Qs, i % 32 != 0).AsSByte());
        return TLanes.Multiply(TLanes.Broadcast(HalfFloat.ToSingle(block->D)), TLanes.FromBytes(chosen));
    }

    public static bool Store(float* x, byte* row, int n) => KvBlock.Store<KvIQ4_NL>(x, row, n, IQ4_NL.Bytes);

    public static bool AreFinite(byte* row, int n) => Finite.Halves(row, n / 32, IQ4_NL.Bytes);

    public static void Quantize(float* x, byte* block)
    {
        float extreme = KvBlock.Extreme(x), products = 0, squares = 0;
        for (int i = 0; i < 32 && extreme != 0; i++)
        {
            float value = x[i] / extreme, weight = value * value, level = IQ4_NL.Values[Nearest(value * IQ4_NL.Values[0])];
            products += weight * value * level;
            squares += weight * level * level;
        }
        var quantized = (IQ4_NL*)block;
        float inverse = KvBlock.StoreScale(squares == 0 ? 0 : products / squares * extreme, &quantized->D);
        for (int i = 0; i < 16; i++) quantized->Qs[i] = (byte)(Nearest(x[i] * inverse) | (Nearest(x[i + 16] * inverse) << 4));
    }

    // Of two levels that are equally near, the lower one.
    private static int Nearest(float value)
    {
        int nearest = 0;
        while (nearest < 15 && value * 2 > IQ4_NL.Values[nearest] + IQ4_NL.Values[nearest + 1]) nearest++;
        return nearest;
    }
}
