using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>Words that end where the case of letters changes: Tekken's and GPT-4o's.</summary>
internal static class CasedWords
{
    /// <summary><c>[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*</c> where U is a letter but a to z, and L a letter but A to Z: letters
    /// outside ASCII are both.</summary>
    public static int End(ReadOnlySpan<byte> text, int from, CharClass letters)
    {
        int start = WordRule.AfterPrefix(text, from);
        if (TryLowerEnd(text, start, letters, out int end)) return end;
        // Letters may include marks, which the prefix may be as well.
        if (start > from && TryLowerEnd(text, from, letters, out end)) return end;
        end = UpperEnd(text, start, letters);
        if (end == start) end = UpperEnd(text, from, letters);
        return end;
    }

    /// <summary><c>U*L+</c></summary>
    private static bool TryLowerEnd(ReadOnlySpan<byte> text, int from, CharClass letters, out int end)
    {
        int upper = from, lastBoth = -1;
        while (IsLetterBut(text, upper, 'a', 'z', letters, out int length))
        {
            upper += length;
            if (length > 1) lastBoth = upper;
        }
        end = upper;
        while (IsLetterBut(text, end, 'A', 'Z', letters, out int length)) end += length;
        if (end > upper) return true;
        // Without an L behind, U* gives letters back until the last that is both: L+ is that one.
        end = lastBoth;
        return lastBoth >= 0;
    }

    /// <summary><c>U+L*</c> where no <c>U*L+</c> is: there is no L.</summary>
    private static int UpperEnd(ReadOnlySpan<byte> text, int at, CharClass letters)
    {
        while (IsLetterBut(text, at, 'a', 'z', letters, out int length)) at += length;
        return at;
    }

    private static bool IsLetterBut(ReadOnlySpan<byte> text, int at, char low, char high, CharClass letters, out int length) =>
        (At(text, at, out length) & letters) != 0 && !(text[at] >= low && text[at] <= high);
}
