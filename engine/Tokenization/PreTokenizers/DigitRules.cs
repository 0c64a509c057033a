using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>The rules about digits and other numbers.</summary>
internal static class DigitRules
{
    /// <summary><c>\p{N}{1,max}</c></summary>
    public static (int, int) Numbers(ReadOnlySpan<byte> text, int from, int max)
    {
        int start = FindNumber(text, from);
        return (start, SplitRules.Run(text, start, Number, max));
    }

    /// <summary><c>[0-9][0-9][0-9]</c></summary>
    public static (int, int) Three(ReadOnlySpan<byte> text, int from)
    {
        int digits = 0;
        for (int at = from; at < text.Length; at++)
        {
            digits = char.IsAsciiDigit((char)text[at]) ? digits + 1 : 0;
            if (digits == 3) return (at - 2, at + 1);
        }
        return SplitRules.NoMatch(text);
    }

    /// <summary>Cuts behind groups of three numbers, counted from the right: the first group may be shorter, and what stands before a run of
    /// numbers stays with it. The match here is what lies between two cuts.</summary>
    public static (int, int) Grouped(ReadOnlySpan<byte> text, int from)
    {
        // Inside a run its first group is cut already. Only that one is counted, so that a long run takes no quadratic time.
        int start = FindNumber(text, from), first = 3;
        if (start > from || !FollowsNumber(text, from))
        {
            int count = 0;
            for (int at = start; (At(text, at, out int length) & Number) != 0; at += length) count++;
            first = count % 3 == 0 ? 3 : count % 3;
        }
        return (from, SplitRules.Run(text, start, Number, first));
    }

    /// <summary><c>(?=(\d{3})+(?!\d))</c>, which matches nothing and cuts before groups of three digits counted from the right. The match
    /// here is what lies between two cuts.</summary>
    public static (int, int) BetweenGroups(ReadOnlySpan<byte> text, int from)
    {
        // Every place but the first is a cut, behind which three digits stand, and whole groups behind those.
        int at = from;
        if (from > 0)
        {
            at += 3;
            if (at < text.Length && char.IsAsciiDigit((char)text[at])) return (from, at);
        }
        while (at < text.Length)
        {
            int digits = 0;
            while (at + digits < text.Length && char.IsAsciiDigit((char)text[at + digits])) digits++;
            int cut = at + digits % 3;
            if (digits >= 3 && cut > from) return (from, cut);
            if (digits >= 6) return (from, cut + 3);
            at += Math.Max(digits, 1);
        }
        return (from, text.Length);
    }

    private static int FindNumber(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && (At(text, at, out int length) & Number) == 0) at += length;
        return at;
    }

    private static bool FollowsNumber(ReadOnlySpan<byte> text, int at)
    {
        if (at == 0) return false;
        for (at--; (text[at] & 0xC0) == 0x80;) at--;
        return (At(text, at) & Number) != 0;
    }
}
