using System.Globalization;
using System.Text;

namespace Edge.Llm.Tokenization;

/// <summary>What the pre-tokenizers' regular expressions ask of a character: \p{L}, \p{N}, \s, \p{P}, \p{S}, \p{M}, [\r\n]. None: past the end.</summary>
[Flags]
internal enum CharClass : byte
{
    None = 0,
    Letter = 1,
    Number = 2,
    Space = 4,
    Punctuation = 8,
    Symbol = 16,
    Mark = 32,
    Other = 64,
    Newline = 128,
}

/// <summary>The classes of Unicode 15.1, the version that llama.cpp knows. The runtime knows a later one.</summary>
internal static class CharClasses
{
    /// <summary>What versions 16 and 17 assigned; no class of an older character changed.</summary>
    private static readonly CodePointRanges s_later = new(
        "88F 897 C5C CDC 1ACF-1ADD 1AE0-1AEB 1B4E-1B4F 1B7F 1C89-1C8A 20C1 2427-2429 2B96 31E4-31E5 A7CB-A7CF A7D2 A7D4 A7DA-A7DC " +
        "A7F1 FBC3-FBD2 FD90-FD91 FDC8-FDCE 105C0-105F3 10940-10959 10D40-10D65 10D69-10D85 10D8E-10D8F 10EC2-10EC7 10ED0-10ED8 " +
        "10EFA-10EFC 11380-11389 1138B 1138E 11390-113B5 113B7-113C0 113C2 113C5 113C7-113CA 113CC-113D5 113D7-113D8 113E1-113E2 " +
        "116D0-116E3 11B60-11B67 11BC0-11BE1 11BF0-11BF9 11DB0-11DDB 11DE0-11DE9 11F5A 13460-143FA 16100-16139 16D40-16D79 " +
        "16EA0-16EB8 16EBB-16ED3 16FF2-16FF6 187F8-187FF 18CFF 18D09-18D1E 18D80-18DF2 1CC00-1CCFC 1CD00-1CEB3 1CEBA-1CED0 " +
        "1CEE0-1CEF0 1E5D0-1E5FA 1E5FF 1E6C0-1E6DE 1E6E0-1E6F5 1E6FE-1E6FF 1F6D8 1F777-1F77A 1F8B2-1F8BB 1F8C0-1F8C1 1F8D0-1F8D8 " +
        "1FA54-1FA57 1FA89-1FA8A 1FA8E-1FA8F 1FABE 1FAC6 1FAC8 1FACD 1FADC 1FADF 1FAE9-1FAEA 1FAEF 1FBCB-1FBEF 1FBFA 2B73A-2B73F " +
        "2CEA2-2CEAD 323B0-33479");

    private static readonly CharClass[] s_basic = Basic();

    /// <summary>The class of the character at a place in whole characters (<see cref="LooseUtf8.Repair"/>), and its length in bytes.</summary>
    public static CharClass At(ReadOnlySpan<byte> text, int at, out int length)
    {
        length = 0;
        return (uint)at < (uint)text.Length ? Of(LooseUtf8.CodePointAt(text, at, out length)) : CharClass.None;
    }

    public static CharClass At(ReadOnlySpan<byte> text, int at) => At(text, at, out _);

    public static CharClass Of(int codePoint) => codePoint < s_basic.Length ? s_basic[codePoint] : Find(codePoint);

    /// <summary>Whether a character is of the categories Cc, Cf, Co or Cs: unassigned ones are not.</summary>
    public static bool IsControl(int codePoint) => !s_later.Contains(codePoint) && CharUnicodeInfo.GetUnicodeCategory(codePoint)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;

    /// <summary>The one lower-case letter of a character, or itself.</summary>
    public static int ToLower(int codePoint)
    {
        if (codePoint == 'İ') return 'i'; // which .NET leaves, as no culture's
        if (!Rune.IsValid(codePoint) || s_later.Contains(codePoint)) return codePoint;
        int lower = Rune.ToLowerInvariant(new Rune(codePoint)).Value;
        return s_later.Contains(lower) ? codePoint : lower;
    }

    private static CharClass[] Basic()
    {
        var classes = new CharClass[0x10000];
        for (int value = 0; value < classes.Length; value++) classes[value] = Find(value);
        return classes;
    }

    private static CharClass Find(int codePoint)
    {
        if (codePoint is '\r' or '\n') return CharClass.Space | CharClass.Newline;
        if (codePoint <= char.MaxValue && char.IsWhiteSpace((char)codePoint)) return CharClass.Space;
        CharClass found = CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            <= UnicodeCategory.OtherLetter => CharClass.Letter,
            <= UnicodeCategory.EnclosingMark => CharClass.Mark,
            <= UnicodeCategory.OtherNumber => CharClass.Number,
            >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation => CharClass.Punctuation,
            >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol => CharClass.Symbol,
            _ => CharClass.Other,
        };
        return found != CharClass.Other && s_later.Contains(codePoint) ? CharClass.Other : found;
    }
}
