using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>Kimi K2: Han characters are words of their own.</summary>
internal static class KimiRule
{
    private static readonly CodePointRanges s_han =
        new("3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B73F 2B740-2B81F 2B820-2CEAF 2CEB0-2EBEF 2F800-2FA1F");

    /// <summary>
    /// <c>[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{L}--\p{Han}]+(contraction)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>
    /// </summary>
    public static (int, int) Match(ReadOnlySpan<byte> text, int from)
    {
        int han = from;
        while (IsHan(text, han, out int length)) han += length;
        return han > from ? (from, han) : s_words.Match(text, from);
    }

    private static readonly WordRule s_words = new() { Word = Letters, ContractionBehind = true, MaxDigits = 3 };

    private static int Letters(ReadOnlySpan<byte> text, int from, CharClass letters)
    {
        int start = WordRule.AfterPrefix(text, from), end = start;
        while ((At(text, end, out int length) & letters) != 0 && !IsHan(text, end, out _)) end += length;
        return end > start ? end : from;
    }

    private static bool IsHan(ReadOnlySpan<byte> text, int at, out int length) =>
        At(text, at, out length) != None && s_han.Contains(LooseUtf8.CodePointAt(text, at, out _));
}
