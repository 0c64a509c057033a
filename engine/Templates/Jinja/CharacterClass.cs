using System.Buffers;
using System.Globalization;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The kinds of characters that Python's strings ask for.</summary>
internal static class CharacterClass
{
    /// <summary>Python's white space: four separators more than .NET's.</summary>
    public const string Spaces = "\t\n\v\f\r\x1C\x1D\x1E\x1F \x85\xA0\u1680" +
        "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000";

    /// <summary>What ends a line; \r\n is one end.</summary>
    private const string LineEnds = "\n\v\f\r\x1C\x1D\x1E\x85\u2028\u2029";

    public static readonly SearchValues<char> LineEndings = SearchValues.Create(LineEnds);

    private const string Ignored = "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";

    // Characters that count as lower or upper case and are not letters of that case.
    private static readonly (int First, int Last)[] s_otherLower =
    [
        (0xAA, 0xAA), (0xBA, 0xBA), (0x2B0, 0x2B8), (0x2C0, 0x2C1), (0x2E0, 0x2E4), (0x345, 0x345), (0x37A, 0x37A), (0x1D2C, 0x1D6A),
        (0x1D78, 0x1D78), (0x1D9B, 0x1DBF), (0x2071, 0x2071), (0x207F, 0x207F), (0x2090, 0x209C), (0x2170, 0x217F), (0x24D0, 0x24E9),
        (0x2C7C, 0x2C7D), (0xA69C, 0xA69D), (0xA770, 0xA770), (0xA7F8, 0xA7F9), (0xAB5C, 0xAB5F), (0x10780, 0x10780), (0x10783, 0x10785),
        (0x10787, 0x107B0), (0x107B2, 0x107BA),
    ];

    private static readonly (int First, int Last)[] s_otherUpper =
        [(0x2160, 0x216F), (0x24B6, 0x24CF), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)];

    // Digits that are not of the decimal kind: superscripts, circled ones.
    private static readonly (int First, int Last)[] s_otherDigits =
    [
        (0xB2, 0xB3), (0xB9, 0xB9), (0x1369, 0x1371), (0x19DA, 0x19DA), (0x2070, 0x2070), (0x2074, 0x2079), (0x2080, 0x2089), (0x2460, 0x2468),
        (0x2474, 0x247C), (0x2488, 0x2490), (0x24EA, 0x24EA), (0x24F5, 0x24FD), (0x24FF, 0x24FF), (0x2776, 0x277E), (0x2780, 0x2788),
        (0x278A, 0x2792), (0x10A40, 0x10A43), (0x10E60, 0x10E68), (0x11052, 0x1105A), (0x1F100, 0x1F10A),
    ];

    // Ideographs that are numbers.
    private const string NumericLetters = 
        "\u3405\u3483\u382A\u3B4D\u4E00\u4E03\u4E07\u4E09\u4E5D\u4E8C\u4E94\u4E96\u4EBF\u4EC0\u4EDF\u4EE8\u4F0D\u4F70" +
        "\u5104\u5146\u5169\u516B\u516D\u5341\u5343\u5344\u5345\u534C\u53C1\u53C2\u53C3\u53C4\u56DB\u58F1\u58F9\u5E7A" +
        "\u5EFE\u5EFF\u5F0C\u5F0D\u5F0E\u5F10\u62FE\u634C\u67D2\u6F06\u7396\u767E\u8086\u842C\u8CAE\u8CB3\u8D30\u9621" +
        "\u9646\u964C\u9678\u96F6\uF96B\uF973\uF978\uF9B2\uF9D1\uF9D3\uF9FD" +
        "\U00020001\U00020064\U000200E2\U00020121\U0002092A\U00020983\U0002098C\U0002099C\U00020AEA\U00020AFD" +
        "\U00020B19\U00022390\U00022998\U00023B1B\U0002626D\U0002F890";

    public static bool IsSpace(char c) => Spaces.Contains(c, StringComparison.Ordinal);

    public static bool IsAlpha(Rune rune) => Rune.GetUnicodeCategory(rune) <= UnicodeCategory.OtherLetter;

    /// <summary>The value of a decimal digit of any script, or -1.</summary>
    public static int DecimalDigit(Rune rune) => rune.IsAscii ? Rune.IsDigit(rune) ? rune.Value - '0' : -1
        : Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber ? (int)Rune.GetNumericValue(rune)
        : -1;

    public static bool IsDecimal(Rune rune) => DecimalDigit(rune) >= 0;

    public static bool IsDigit(Rune rune) => IsDecimal(rune) || In(s_otherDigits, rune);

    public static bool IsNumeric(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.DecimalDigitNumber and <= UnicodeCategory.OtherNumber
        || (IsAlpha(rune) && NumericLetters.Contains(rune.ToString(), StringComparison.Ordinal));

    public static bool IsAlphanumeric(Rune rune) => IsAlpha(rune) || IsNumeric(rune);

    public static bool IsLower(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.LowercaseLetter || In(s_otherLower, rune);

    public static bool IsUpper(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.UppercaseLetter || In(s_otherUpper, rune);

    public static bool IsTitle(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    public static bool IsCased(Rune rune) => IsLower(rune) || IsUpper(rune) || IsTitle(rune);

    /// <summary>What does not end a word when case is mapped.</summary>
    public static bool IsCaseIgnorable(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || (rune.IsBmp && Ignored.Contains((char)rune.Value, StringComparison.Ordinal));

    /// <summary>What repr() writes as it is.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>Whether no upper case is left, and there is a letter that has case.</summary>
    public static bool IsLower(string text) => Cased(text, IsLower);

    public static bool IsUpper(string text) => Cased(text, IsUpper);

    /// <summary>Whether each word begins in upper case and goes on in lower case.</summary>
    public static bool IsTitle(string text)
    {
        bool any = false, inWord = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool begins = IsUpper(rune) || IsTitle(rune), goesOn = !begins && IsLower(rune);
            if ((begins && inWord) || (goesOn && !inWord)) return false;
            inWord = begins || goesOn;
            any |= inWord;
        }
        return any;
    }

    public static bool IsIdentifier(string text)
    {
        bool isFirst = true;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            bool begins = category is <= UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber || rune.Value == '_';
            if (!begins && (isFirst || category is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
                or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation))) return false;
            isFirst = false;
        }
        return !isFirst;
    }

    /// <summary>Whether there are characters and all are of a kind. Half a surrogate pair is of no kind.</summary>
    public static bool All(string text, Func<Rune, bool> isOfKind)
    {
        for (int at = 0; at < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, at, out Rune rune) || !isOfKind(rune)) return false;
            at += rune.Utf16SequenceLength;
        }
        return text.Length > 0;
    }

    private static bool Cased(string text, Func<Rune, bool> isOfCase)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isCased = IsCased(rune);
            if (isCased && !isOfCase(rune)) return false;
            any |= isCased;
        }
        return any;
    }

    private static bool In((int First, int Last)[] ranges, Rune rune) => Array.Exists(ranges, range => rune.Value >= range.First && rune.Value <= range.Last);
}
