using System.Numerics;

namespace Edge.Llm.Grammars;

/// <summary>A set of bytes.</summary>
internal readonly record struct ByteSet(ulong W0, ulong W1, ulong W2, ulong W3)
{
    public static ByteSet All { get; } = new(~0UL, ~0UL, ~0UL, ~0UL);

    public bool IsEmpty => (W0 | W1 | W2 | W3) == 0;

    public int Count => BitOperations.PopCount(W0) + BitOperations.PopCount(W1) + BitOperations.PopCount(W2) + BitOperations.PopCount(W3);

    public static ByteSet Of(byte value) => Range(value, value);

    public static ByteSet Range(byte first, byte last) => new(Word(first, last, 0), Word(first, last, 64), Word(first, last, 128), Word(first, last, 192));

    public static ByteSet operator |(ByteSet a, ByteSet b) => new(a.W0 | b.W0, a.W1 | b.W1, a.W2 | b.W2, a.W3 | b.W3);

    public static ByteSet operator &(ByteSet a, ByteSet b) => new(a.W0 & b.W0, a.W1 & b.W1, a.W2 & b.W2, a.W3 & b.W3);

    public bool Contains(byte value)
    {
        ulong word = value < 128 ? value < 64 ? W0 : W1 : value < 192 ? W2 : W3;
        return ((word >> value) & 1) != 0; // the shift counts modulo 64
    }

    /// <summary>The first member from a byte on, or -1.</summary>
    public int Next(int from)
    {
        for (; from < 256; from = (from | 63) + 1)
        {
            ulong word = (from < 128 ? from < 64 ? W0 : W1 : from < 192 ? W2 : W3) >> from;
            if (word != 0) return from + BitOperations.TrailingZeroCount(word);
        }
        return -1;
    }

    private static ulong Word(int first, int last, int at)
    {
        int low = Math.Max(first - at, 0), high = Math.Min(last - at, 63);
        return low > high ? 0 : (~0UL >> (63 - (high - low))) << low;
    }
}
