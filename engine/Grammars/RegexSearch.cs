using System.Text;

namespace Edge.Llm.Grammars;

/// <summary>A regular expression that is looked for in short texts, in either case of A to Z. The time grows with the text alone, whatever the
/// expression. Of several threads one searches at a time: the automaton grows as it is walked.</summary>
internal sealed class RegexSearch
{
    private readonly Lock _lock = new();
    private readonly Effort _effort = new();
    private readonly PatternPool _patterns;
    private readonly int _pattern;

    /// <exception cref="EdgeLlmException">GrammarError: it is no regular expression, or too large.</exception>
    public RegexSearch(string regex)
    {
        _patterns = new PatternPool(_effort);
        _pattern = RegexParser.Parse(regex, eitherCase: true).ToSearchPattern(_patterns, set => set.ToPattern(_patterns));
    }

    /// <summary>Whether it matches somewhere in a text.</summary>
    /// <exception cref="EdgeLlmException">GrammarError: the search takes too many steps, or too much memory.</exception>
    public bool IsFoundIn(string text)
    {
        lock (_lock)
        {
            _effort.Restart();
            int pattern = _pattern;
            foreach (byte value in Encoding.UTF8.GetBytes(text)) pattern = _patterns.Step(pattern, value);
            return _patterns.IsNullable(pattern);
        }
    }
}
