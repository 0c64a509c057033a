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

internal static class CharClasses
{
    private static readonly CharClass[] s_ascii = [.. Enumerable.Range(0, 128).Select(c => Of(new Rune(c)))];

    /// <summary>The class of the character at a place in valid UTF-8, and its length in bytes.</summary>
    public static CharClass At(ReadOnlySpan<byte> text, int at, out int length)
    {
        length = 1;
        if ((uint)at >= (uint)text.Length)
        {
            length = 0;
            return CharClass.None;
        }
        return text[at] < 128 ? s_ascii[text[at]] : Of(RuneAt(text, at, out length));
    }

    public static CharClass At(ReadOnlySpan<byte> text, int at) => At(text, at, out _);

    public static Rune RuneAt(ReadOnlySpan<byte> text, int at, out int length)
    {
        Rune.DecodeFromUtf8(text[at..], out Rune rune, out length);
        return rune;
    }

    private static CharClass Of(Rune rune)
    {
        if (rune.Value is '\r' or '\n') return CharClass.Space | CharClass.Newline;
        if (Rune.IsWhiteSpace(rune)) return CharClass.Space;
        return CharUnicodeInfo.GetUnicodeCategory(rune.Value) switch
        {
            <= UnicodeCategory.OtherLetter => CharClass.Letter,
            <= UnicodeCategory.EnclosingMark => CharClass.Mark,
            <= UnicodeCategory.OtherNumber => CharClass.Number,
            >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation => CharClass.Punctuation,
            >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol => CharClass.Symbol,
            _ => CharClass.Other,
        };
    }
}
