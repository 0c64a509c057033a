namespace Edge.Llm.Tokenization;

/// <summary>The markup of Chameleon.</summary>
internal static class ChameleonRules
{
    /// <summary><c>&lt;sentinel:[0-9]+&gt;</c></summary>
    public static (int, int) Sentinel(ReadOnlySpan<byte> text, int from)
    {
        ReadOnlySpan<byte> open = "<sentinel:"u8;
        for (int skip; (skip = text[from..].IndexOf(open)) >= 0;)
        {
            int start = from + skip, digits = start + open.Length, end = digits;
            while (end < text.Length && char.IsAsciiDigit((char)text[end])) end++;
            if (end > digits && end < text.Length && text[end] == '>') return (start, end + 1);
            from = end;
        }
        return SplitRules.NoMatch(text);
    }

    /// <summary><c>(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z</c></summary>
    public static (int, int) Image(ReadOnlySpan<byte> text, int from)
    {
        ReadOnlySpan<byte> open = "IMGIMG"u8;
        for (int skip; (skip = text[from..].IndexOf(open)) >= 0; from += skip + 1)
        {
            int start = from + skip, letters = start + open.Length, end = letters;
            while (end < text.Length && end < letters + 4 && text[end] is >= (byte)'A' and <= (byte)'I') end++;
            if (end > letters && end < text.Length && text[end] == 'Z') return (start, end + 1);
        }
        return SplitRules.NoMatch(text);
    }

    /// <summary><c>([\t\n]|    |  )</c></summary>
    public static (int, int) Indent(ReadOnlySpan<byte> text, int from)
    {
        for (int at = from; at < text.Length; at++)
        {
            if (text[at] is (byte)'\t' or (byte)'\n') return (at, at + 1);
            if (text[at..].StartsWith("    "u8)) return (at, at + 4);
            if (text[at..].StartsWith("  "u8)) return (at, at + 2);
        }
        return SplitRules.NoMatch(text);
    }
}
