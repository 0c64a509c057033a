using System.Numerics;
using static Edge.Llm.Tokenization.CharClasses;

namespace Edge.Llm.Tokenization;

/// <summary>White space of Jais 2, whose vocabulary has runs of 512, 256 ... 4, 2 and 1.</summary>
internal static class JaisSpace
{
    private const int Longest = 512;

    /// <summary><c>\s{512}(?!\S)|\s{256}(?!\S)|...|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}</c> inside what <see cref="WordRule"/> left: a piece of white
    /// space is all white, and one that a newline ends is not cut.</summary>
    public static (int, int) Match(ReadOnlySpan<byte> text, int from)
    {
        if (text[^1] is (byte)'\r' or (byte)'\n') return SplitRules.NoMatch(text);
        int end = from, count = 0;
        for (; count < Longest && (At(text, end, out int length) & CharClass.Space) != 0; count++) end += length;
        if (count == 0 || (end < text.Length && (At(text, end) & CharClass.Space) == 0)) return SplitRules.NoMatch(text);
        return (from, SplitRules.Run(text, from, CharClass.Space, 1 << BitOperations.Log2((uint)count)));
    }
}
