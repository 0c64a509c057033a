using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>The rules that cut where the case of letters changes: Tekken's and GPT-4o's.</summary>
internal static class CasedRules
{
    /// <summary>
    /// <c>[^\r\n\p{L}\p{N}]?U*L+(contraction)?|[^\r\n\p{L}\p{N}]?U+L*(contraction)?|\p{N}{1,maxDigits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>
    /// where U is a letter but a to z, and L a letter but A to Z: letters outside ASCII are both.
    /// </summary>
    public static (int, int) Words(ReadOnlySpan<byte> text, int from, int maxDigits, bool contractions)
    {
        CharClass first = At(text, from, out int length);
        int letters = (first & (Letter | Number | Newline)) == 0 ? from + length : from;
        if ((At(text, letters) & Letter) != 0)
        {
            int end = CasedWord(text, letters);
            if (contractions && end < text.Length) end += SplitRules.Contraction(text, end, ignoreCase: true);
            return (from, end);
        }
        if ((first & Number) != 0) return (from, SplitRules.Run(text, from, Number, maxDigits));

        int body = text[from] == ' ' ? from + 1 : from;
        int rest = SplitRules.Run(text, body, SplitRules.Rest);
        if (rest == body) return (from, SplitRules.White(text, from, newlinesEnd: true));
        while (rest < text.Length && text[rest] is (byte)'\r' or (byte)'\n' or (byte)'/') rest++;
        return (from, rest);
    }

    /// <summary>The end of <c>U*L+|U+L*</c> in letters.</summary>
    private static int CasedWord(ReadOnlySpan<byte> text, int from)
    {
        int upper = from, lastBoth = -1;
        while (IsLetterBut(text, upper, 'a', 'z', out int length))
        {
            upper += length;
            if (length > 1) lastBoth = upper;
        }
        int end = upper;
        while (IsLetterBut(text, end, 'A', 'Z', out int length)) end += length;
        // Without an L behind, U* gives letters back until the last that is both: L+ is that one.
        return end == upper && lastBoth >= 0 ? lastBoth : end;
    }

    private static bool IsLetterBut(ReadOnlySpan<byte> text, int at, char low, char high, out int length) =>
        (At(text, at, out length) & Letter) != 0 && !(text[at] >= low && text[at] <= high);
}
