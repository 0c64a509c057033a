using static Edge.Llm.Tokenization.CharClass;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>The end of the word at a place, or the place itself if there is none.</summary>
internal delegate int WordEnd(ReadOnlySpan<byte> text, int from, CharClass letters);

/// <summary>The expression that Llama 3 has, and many families with a change or two:
/// <c>contraction|word|\p{N}{1,maxDigits}| ?[signs]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.</summary>
internal sealed class WordRule
{
    /// <summary><c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c> comes before all else.</summary>
    public bool ContractionFirst { get; init; }

    /// <summary>The same may follow a word and belongs to it.</summary>
    public bool ContractionBehind { get; init; }

    /// <summary><c>[^\r\n\p{L}\p{N}]?[letters]+</c>, or another word.</summary>
    public WordEnd Word { get; init; } = AnyCase;

    /// <summary>What a word is made of.</summary>
    public CharClass Letters { get; init; } = Letter;

    public int MaxDigits { get; init; } = 1;

    public CharClass Signs { get; init; } = SplitRules.Rest;

    /// <summary>The most that may follow signs of <c>[\r\n]</c>, and of <c>/</c> if <see cref="SlashBehind"/>.</summary>
    public int MaxBehind { get; init; } = int.MaxValue;

    public bool SlashBehind { get; init; }

    public (int, int) Match(ReadOnlySpan<byte> text, int from) => (from, End(text, from));

    /// <summary><c>[^\r\n\p{L}\p{N}]?[letters]+</c></summary>
    public static int AnyCase(ReadOnlySpan<byte> text, int from, CharClass letters)
    {
        int start = AfterPrefix(text, from), end = SplitRules.Run(text, start, letters);
        return end > start ? end : SplitRules.Run(text, from, letters);
    }

    /// <summary><c>[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+</c>: words with one space between them.</summary>
    public static int Phrase(ReadOnlySpan<byte> text, int from, CharClass letters)
    {
        int start = AfterPrefix(text, from), end = SplitRules.Run(text, start, letters, max: 1);
        if (end == start) return from;
        while (true)
        {
            end = SplitRules.Run(text, end, letters | Mark);
            if (end == text.Length || text[end] != ' ' || (At(text, end + 1, out int length) & letters) == 0) return end;
            end += 1 + length;
        }
    }

    /// <summary>Behind <c>[^\r\n\p{L}\p{N}]</c>, if that is here.</summary>
    public static int AfterPrefix(ReadOnlySpan<byte> text, int from) =>
        (At(text, from, out int length) & (Newline | Letter | Number)) == 0 ? from + length : from;

    private int End(ReadOnlySpan<byte> text, int from)
    {
        int contraction = ContractionFirst ? SplitRules.Contraction(text, from, ignoreCase: true) : 0;
        if (contraction > 0) return from + contraction;

        int end = Word(text, from, Letters);
        if (end > from) return ContractionBehind ? end + SplitRules.Contraction(text, end, ignoreCase: true) : end;
        if ((At(text, from) & Number) != 0) return SplitRules.Run(text, from, Number, MaxDigits);

        int body = text[from] == ' ' ? from + 1 : from;
        end = SplitRules.Run(text, body, Signs);
        if (end == body) return SplitRules.White(text, from, newlinesEnd: true);
        for (int left = MaxBehind; left > 0 && end < text.Length && IsBehind(text[end]); left--) end++;
        return end;
    }

    private bool IsBehind(byte value) => value is (byte)'\r' or (byte)'\n' || (SlashBehind && value == '/');
}
