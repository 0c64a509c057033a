using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>The expression of DeepSeek V3 and its relatives, in two variants, and what only DeepSeek LLM has.</summary>
internal static class DeepSeekRules
{
    private const CharClass Signs = Punctuation | CharClass.Symbol;

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
    public static (int, int) V3(ReadOnlySpan<byte> text, int from) => Find(text, from, newlinesBehind: true);

    /// <summary>
    /// <c>[ASCII punctuation or symbol][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+</c>
    /// </summary>
    public static (int, int) Spark(ReadOnlySpan<byte> text, int from) => Find(text, from, newlinesBehind: false);

    private static (int, int) Find(ReadOnlySpan<byte> text, int from, bool newlinesBehind)
    {
        for (int at = from; at < text.Length;)
        {
            int end = End(text, at, newlinesBehind);
            if (end > at) return (at, end);
            At(text, at, out int length);
            at += length;
        }
        return SplitRules.NoMatch(text);
    }

    private static int End(ReadOnlySpan<byte> text, int at, bool newlinesBehind)
    {
        const CharClass Letters = Letter | Mark;
        CharClass first = At(text, at, out int length);
        if (length == 1 && (first & Signs) != 0 && at + 1 < text.Length && char.IsAsciiLetter((char)text[at + 1]))
        {
            for (at++; at < text.Length && char.IsAsciiLetter((char)text[at]);) at++;
            return at;
        }
        if ((first & Letters) != 0) return SplitRules.Run(text, at, Letters);
        if ((first & (Newline | Signs)) == 0 && (At(text, at + length) & Letters) != 0) return SplitRules.Run(text, at + length, Letters);

        int body = text[at] == ' ' ? at + 1 : at;
        int end = SplitRules.Run(text, body, Signs);
        if (end > body) return newlinesBehind ? SplitRules.Run(text, end, Newline) : end;
        if ((first & Newline) != 0 && !newlinesBehind) return at + length;
        return (first & Space) != 0 ? SplitRules.White(text, at, newlinesEnd: newlinesBehind) : at;
    }
}
