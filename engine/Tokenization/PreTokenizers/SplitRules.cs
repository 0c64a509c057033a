using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>Finds the first match of a regular expression at or after a place; without one, an empty match at the end of the text. Over a
/// whole text it takes time in proportion to its length.</summary>
internal delegate (int Start, int End) SplitRule(ReadOnlySpan<byte> text, int from);

/// <summary>The regular expressions that several families share, each written out as a scanner over UTF-8, and what scanners are made of.</summary>
internal static class SplitRules
{
    /// <summary><c>[^\s\p{L}\p{N}]</c></summary>
    public const CharClass Rest = Punctuation | CharClass.Symbol | Mark | Other;

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c></summary>
    public static (int, int) Gpt2(ReadOnlySpan<byte> text, int from)
    {
        int contraction = Contraction(text, from, ignoreCase: false);
        if (contraction > 0) return (from, from + contraction);

        int body = text[from] == ' ' ? from + 1 : from;
        CharClass first = At(text, body);
        if ((first & Letter) != 0) return (from, Run(text, body, Letter));
        if ((first & Number) != 0) return (from, Run(text, body, Number));
        if ((first & Rest) != 0) return (from, Run(text, body, Rest));
        return (from, White(text, from, newlinesEnd: false));
    }

    /// <summary><c>[\r\n]</c></summary>
    public static (int, int) NewlineChar(ReadOnlySpan<byte> text, int from)
    {
        int skip = text[from..].IndexOfAny((byte)'\r', (byte)'\n');
        return skip < 0 ? NoMatch(text) : (from + skip, from + skip + 1);
    }

    /// <summary><c>[^\n]+|[\n]+</c></summary>
    public static (int, int) Lines(ReadOnlySpan<byte> text, int from)
    {
        int length = text[from] == '\n' ? text[from..].IndexOfAnyExcept((byte)'\n') : text[from..].IndexOf((byte)'\n');
        return (from, length < 0 ? text.Length : from + length);
    }

    /// <summary><c>\S+</c></summary>
    public static (int, int) NotSpace(ReadOnlySpan<byte> text, int from)
    {
        int start = Run(text, from, Space);
        return (start, Run(text, start, Letter | Number | Rest));
    }

    /// <summary><c>\s?\p{class}+</c></summary>
    public static (int, int) SpaceAndRun(ReadOnlySpan<byte> text, int from, CharClass wanted)
    {
        for (int at = from; at < text.Length;)
        {
            CharClass found = At(text, at, out int length);
            if ((found & wanted) != 0) return (at, Run(text, at, wanted));
            if ((found & Space) != 0 && (At(text, at + length) & wanted) != 0) return (at, Run(text, at + length, wanted));
            at += length;
        }
        return NoMatch(text);
    }

    /// <summary><c>[\p{P}...]+</c> with some ASCII symbols besides, at most <paramref name="max"/> of them.</summary>
    public static (int, int) Punctuations(ReadOnlySpan<byte> text, int from, ReadOnlySpan<byte> symbols, int max = int.MaxValue)
    {
        int start = -1, at = from;
        for (int count = 0; at < text.Length && count < max;)
        {
            bool matches = (At(text, at, out int length) & Punctuation) != 0 || symbols.Contains(text[at]);
            if (!matches && start >= 0) return (start, at);
            if (matches && start < 0) start = at;
            if (matches) count++;
            at += length;
        }
        return start < 0 ? NoMatch(text) : (start, at);
    }

    public static (int, int) NoMatch(ReadOnlySpan<byte> text) => (text.Length, text.Length);

    /// <summary>The end of the characters of some classes, at most <paramref name="max"/> of them.</summary>
    public static int Run(ReadOnlySpan<byte> text, int at, CharClass classes, int max = int.MaxValue)
    {
        for (; max > 0 && (At(text, at, out int length) & classes) != 0; max--) at += length;
        return at;
    }

    /// <summary><c>\s*[\r\n]+</c> (if asked), <c>\s+(?!\S)</c>, <c>\s+</c>: the end of white space.</summary>
    public static int White(ReadOnlySpan<byte> text, int from, bool newlinesEnd)
    {
        int at = from, last = from, afterNewline = -1;
        while (true)
        {
            CharClass found = At(text, at, out int length);
            if ((found & Space) == 0) break;
            last = at;
            at += length;
            if ((found & Newline) != 0) afterNewline = at;
        }
        if (newlinesEnd && afterNewline > 0) return afterNewline;
        return at < text.Length && last > from ? last : at;
    }

    /// <summary>Length of <c>'s|'t|'m|'d|'re|'ve|'ll</c> here, or 0.</summary>
    public static int Contraction(ReadOnlySpan<byte> text, int at, bool ignoreCase)
    {
        if (at + 1 >= text.Length || text[at] != '\'') return 0;
        int lower = ignoreCase ? 0x20 : 0;
        int first = text[at + 1] | lower;
        if (first is 's' or 't' or 'm' or 'd') return 2;
        if (at + 2 >= text.Length) return 0;
        return (first, text[at + 2] | lower) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }
}
