using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>The rules that know characters by their code points, not by their categories. No white space outside ASCII is in a range.</summary>
internal static class RangeRules
{
    private static readonly CodePointRanges s_casedLetters = new(
        "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376-377 37B-37D 37F 386 388-38A 38C 38E-3A1 3A3-3F5 " +
        "3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 " +
        "1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 " +
        "1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 " +
        "213C-213F 2145-2149 214E 2183-2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2-2CF3 A640-A66D A680-A69B A722-A76F A771-A787 " +
        "A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 104D8-104FB 10C80-10CB2 10CC0-10CF2 " +
        "118A0-118DF 1E900-1E943");

    private static readonly CodePointRanges s_signs = new("21-2F 3A-7E 2018-201F 3000-3002 FF01-FF0F FF1A-FF5E");
    private static readonly CodePointRanges s_sentenceSigns = new("21 28-29 2C 2E 3F 7C 60C 6D4 964 2026 3001-3002 FF0C");
    private static readonly CodePointRanges s_wideSigns = new("2014 2018-2019 201C-201D 2026 3001-303F FE30-FE4F FF01 FF0C FF1A-FF1B");
    private static readonly CodePointRanges s_eastAsian = new("800-9FA5 AC00-D7FF");
    private static readonly CodePointRanges s_chineseAndJapanese = new("3040-30FF 4E00-9FA5");
    private static readonly CodePointRanges s_korean = new("3131-318E AC00-D7A3");
    private static readonly CodePointRanges s_bopomofo = new("3105-312F");

    /// <summary>Scripts without spaces between words. From U+8C48 on, where U+F900 was surely meant: so private characters too.</summary>
    private static readonly CodePointRanges s_afmoe = new("E40-EFF 1000-109F 1100-11FF 1780-17FF 2F00-2FDF 3040-30FF 3400-4DBF 4E00-FAFF FF65-FF9F");

    /// <summary><c>\s?[letters that have case]+</c></summary>
    public static (int, int) SpaceAndLetters(ReadOnlySpan<byte> text, int from) => SpaceAndFind(text, from, s_casedLetters);

    /// <summary><c>\s?[signs of ASCII, general and full-width punctuation]+</c></summary>
    public static (int, int) SpaceAndSigns(ReadOnlySpan<byte> text, int from) => SpaceAndFind(text, from, s_signs);

    /// <summary>U+0800 to U+9FA5, and Hangul syllables.</summary>
    public static (int, int) EastAsian(ReadOnlySpan<byte> text, int from) => Find(text, from, s_eastAsian);

    public static (int, int) ChineseAndJapanese(ReadOnlySpan<byte> text, int from) => Find(text, from, s_chineseAndJapanese);

    public static (int, int) Afmoe(ReadOnlySpan<byte> text, int from) => Find(text, from, s_afmoe);

    /// <summary>Runs of one of four kinds.</summary>
    public static (int, int) Youtu(ReadOnlySpan<byte> text, int from) =>
        Find(text, from, s_korean, s_wideSigns, s_bopomofo, s_chineseAndJapanese);

    /// <summary><c> ?[^(\s|.,!?...)]+</c>: what stands between the signs of a sentence, parentheses and bars.</summary>
    public static (int, int) SentencePart(ReadOnlySpan<byte> text, int from)
    {
        for (int at = from; at < text.Length;)
        {
            int start = text[at] == ' ' ? at + 1 : at, end = start;
            while ((At(text, end, out int length) & Space) == 0 && length > 0 && !IsIn(text, end, s_sentenceSigns, out _)) end += length;
            if (end > start) return (at, end);
            At(text, at, out int skipped);
            at += skipped;
        }
        return SplitRules.NoMatch(text);
    }

    private static (int, int) Find(ReadOnlySpan<byte> text, int from, params ReadOnlySpan<CodePointRanges> sets)
    {
        for (int at = from; at < text.Length;)
        {
            int end = at;
            foreach (CodePointRanges set in sets)
                if (end == at) end = Run(text, at, set);
            if (end > at) return (at, end);
            At(text, at, out int length);
            at += length;
        }
        return SplitRules.NoMatch(text);
    }

    private static (int, int) SpaceAndFind(ReadOnlySpan<byte> text, int from, CodePointRanges set)
    {
        for (int at = from; at < text.Length;)
        {
            bool space = (At(text, at, out int length) & Space) != 0;
            int start = space ? at + length : at, end = Run(text, start, set);
            if (end > start) return (at, end);
            at += length;
        }
        return SplitRules.NoMatch(text);
    }

    private static int Run(ReadOnlySpan<byte> text, int at, CodePointRanges set)
    {
        while (IsIn(text, at, set, out int length)) at += length;
        return at;
    }

    private static bool IsIn(ReadOnlySpan<byte> text, int at, CodePointRanges set, out int length) =>
        (At(text, at, out length) & Space) == 0 && length > 0 && set.Contains(LooseUtf8.CodePointAt(text, at, out _));
}
