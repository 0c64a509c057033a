namespace Edge.Llm.Grammars;

/// <summary>Bytes in at most 64 classes, those together that texts seldom tell apart: a set of classes is a word, of which the tree of tokens has one for
/// what lies below each node.</summary>
internal static class ByteClasses
{
    private static readonly byte[] s_classes = Make();

    /// <summary>The class of a byte, as a set.</summary>
    public static ulong Of(byte value) => 1UL << s_classes[value];

    /// <summary>The classes all of whose bytes lead to one and the same place.</summary>
    /// <param name="row">What each byte leads to.</param>
    /// <param name="place">The place.</param>
    public static ulong Leading(ReadOnlySpan<int> row, int place)
    {
        ulong others = 0;
        for (int value = 0; value < row.Length; value++)
            if (row[value] != place) others |= 1UL << s_classes[value];
        return ~others;
    }

    private static byte[] Make()
    {
        byte[] classes = new byte[256];
        byte count = 0;
        // Letters, digits, other control characters, and what UTF-8 treats alike; each byte that is in no range is a class of its own.
        (int First, int Last)[] ranges = [('a', 'f'), ('g', 'z'), ('A', 'F'), ('G', 'Z'), ('0', '9'), (0, 8), (14, 31), (0x80, 0x8F), (0x90, 0x9F),
            (0xA0, 0xBF), (0xC0, 0xC1), (0xC2, 0xDF), (0xE1, 0xEC), (0xEE, 0xEF), (0xF1, 0xF3), (0xF5, 0xFF)];
        foreach ((int first, int last) in ranges)
        {
            classes.AsSpan(first, last - first + 1).Fill(count);
            count++;
        }
        for (int value = 0; value < 256; value++)
            if (!Array.Exists(ranges, range => value >= range.First && value <= range.Last)) classes[value] = count++;
        System.Diagnostics.Debug.Assert(count <= 64);
        return classes;
    }
}
