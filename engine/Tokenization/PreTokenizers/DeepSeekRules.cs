using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>The rules of the DeepSeek families, which know scripts by their ranges.</summary>
internal static class DeepSeekRules
{
    /// <summary>First and last of each range of letters that have case.</summary>
    private static readonly int[] s_casedLetters = Ranges(
        "AZazµµÀÖØöøƺƼƿǄʓʕʯͰͳͶͷͻͽͿͿΆΆΈΊΌΌΎΡΣϵϷҁҊԯԱՖႠჅᎠᏵᏸᏽᲐᲺᲽᲿᴀᴫᵫᵷᵹᶚḀἕἘἝἠὅὈὍὐὗὙὙὛὛὝὝὟώᾀᾴᾶᾼ\u1FBE\u1FBEῂῄῆῌῐΐῖΊῠῬῲῴῶῼ" +
        "ℂℂℇℇℊℓℕℕℙℝℤℤ\u2126\u2126ℨℨ\u212A\u212DℯℴℹℹℼℿⅅⅉⅎⅎↃↄⰀⱻⱾⳤⳫⳮⳲⳳꙀꙭꚀꚛꜢꝯꝱꞇꞋꞎꭰꮿﬀﬆﬓﬗＡＺａｚ𐐀𐑏𐒰𐓓𐓘𐓻𐲀𐲲𐳀𐳲𑢠𑣟𞤀𞥃");

    private static readonly int[] s_punctuation = Ranges("!/:~！／：～‘‟\u3000。");
    private static readonly int[] s_eastAsian = [0x800, 0x9FA5, 0xAC00, 0xD7FF];
    private static readonly int[] s_chineseAndJapanese = [0x3040, 0x309F, 0x30A0, 0x30FF, 0x4E00, 0x9FA5];

    /// <summary><c>\s?[letters that have case]+</c></summary>
    public static (int, int) SpaceAndLetters(ReadOnlySpan<byte> text, int from) => Find(text, from, s_casedLetters, afterSpace: true);

    /// <summary><c>\s?[!-/:-~！-／：-～‘-‟　-。]+</c></summary>
    public static (int, int) SpaceAndPunctuation(ReadOnlySpan<byte> text, int from) => Find(text, from, s_punctuation, afterSpace: true);

    /// <summary><c>[一-龥ࠀ-一가-퟿]+</c></summary>
    public static (int, int) EastAsian(ReadOnlySpan<byte> text, int from) => Find(text, from, s_eastAsian, afterSpace: false);

    /// <summary><c>[一-龥぀-ゟ゠-ヿ]+</c></summary>
    public static (int, int) ChineseAndJapanese(ReadOnlySpan<byte> text, int from) => Find(text, from, s_chineseAndJapanese, afterSpace: false);

    /// <summary><c>\s+$</c></summary>
    public static (int, int) SpaceAtEnd(ReadOnlySpan<byte> text, int from)
    {
        int start = -1, at = from;
        while (at < text.Length)
        {
            bool space = (At(text, at, out int length) & Space) != 0;
            if (!space) start = -1;
            else if (start < 0) start = at;
            at += length;
        }
        return start < 0 ? SplitRules.NoMatch(text) : (start, at);
    }

    /// <summary>
    /// <c>[ASCII punctuation or symbol][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>
    /// </summary>
    public static (int, int) V3(ReadOnlySpan<byte> text, int from)
    {
        for (int at = from; at < text.Length;)
        {
            int end = V3End(text, at);
            if (end > at) return (at, end);
            At(text, at, out int length);
            at += length;
        }
        return SplitRules.NoMatch(text);
    }

    private static int V3End(ReadOnlySpan<byte> text, int at)
    {
        const CharClass Signs = Punctuation | CharClass.Symbol, Letters = Letter | Mark;
        CharClass first = At(text, at, out int length);
        if (length == 1 && (first & Signs) != 0 && at + 1 < text.Length && char.IsAsciiLetter((char)text[at + 1]))
        {
            for (at++; at < text.Length && char.IsAsciiLetter((char)text[at]);) at++;
            return at;
        }
        if ((first & Letters) != 0) return SplitRules.Run(text, at, Letters);
        if ((first & (Newline | Signs)) == 0 && (At(text, at + length) & Letters) != 0) return SplitRules.Run(text, at + length, Letters);

        int body = text[at] == ' ' ? at + 1 : at;
        if ((At(text, body) & Signs) != 0) return SplitRules.Run(text, SplitRules.Run(text, body, Signs), Newline);
        return (first & Space) != 0 ? SplitRules.White(text, at, newlinesEnd: true) : at;
    }

    /// <summary>The first run of characters in some ranges, with one white space before it if asked. White space outside ASCII is in no range.</summary>
    private static (int, int) Find(ReadOnlySpan<byte> text, int from, int[] ranges, bool afterSpace)
    {
        int spaceBefore = -1;
        for (int at = from; at < text.Length;)
        {
            if (IsIn(text, at, ranges, out int length))
            {
                int start = spaceBefore >= 0 ? spaceBefore : at;
                while (IsIn(text, at, ranges, out length)) at += length;
                return (start, at);
            }
            spaceBefore = afterSpace && (At(text, at) & Space) != 0 ? at : -1;
            at += length;
        }
        return SplitRules.NoMatch(text);
    }

    private static bool IsIn(ReadOnlySpan<byte> text, int at, int[] ranges, out int length)
    {
        if ((At(text, at, out length) & Space) != 0 || length == 0) return false;
        int value = RuneAt(text, at, out _).Value;
        int place = Array.BinarySearch(ranges, value);
        if (place >= 0) return true;
        return (~place & 1) != 0; // after a first and before a last
    }

    private static int[] Ranges(string ends) => [.. ends.EnumerateRunes().Select(rune => rune.Value)];
}
