using System.Text;

namespace Edge.Llm.Grammars;

/// <summary>A regular expression that is looked for in short texts, in either case of A to Z. The time grows with the text alone, whatever the
/// expression. Not for several threads.</summary>
internal sealed class RegexSearch
{
    private readonly Effort _effort = new();
    private readonly PatternPool _patterns;
    private readonly int _pattern;

    /// <exception cref="EdgeLlmException">GrammarError: it is no regular expression, or too large.</exception>
    public RegexSearch(string regex)
    {
        _patterns = new PatternPool(_effort);
        _pattern = RegexParser.Parse(LowerLetters(regex)).ToSearchPattern(_patterns, set => set.ToPattern(_patterns));
    }

    /// <summary>Whether it matches somewhere in a text.</summary>
    public bool IsFoundIn(string text)
    {
        _effort.Restart();
        int pattern = _pattern;
        foreach (byte value in Encoding.UTF8.GetBytes(text.ToLowerInvariant())) pattern = _patterns.Step(pattern, value);
        return _patterns.IsNullable(pattern);
    }

    // Those behind a backslash are no letters of the text.
    private static string LowerLetters(string regex)
    {
        char[] lower = regex.ToCharArray();
        for (int i = 0; i < lower.Length; i++)
            if (lower[i] == '\\') i++;
            else lower[i] = char.ToLowerInvariant(lower[i]);
        return new string(lower);
    }
}
