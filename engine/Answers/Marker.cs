using System.Text;
using Edge.Llm.Grammars;

namespace Edge.Llm.Answers;

/// <summary>A text between the parts of an answer, as a model was trained to write it, and how far other white space may stand in it. It is
/// matched character by character and never looks back.</summary>
internal sealed class Marker
{
    /// <summary>In a marker's text: white space that may be missing.</summary>
    public const char OptionalSpace = '·';

    /// <summary>In a marker's text: one or more letters and digits.</summary>
    public const char Word = '§';

    private const int MostSpace = 64, LongestWord = 64;
    private const string Punctuation = "{}:,";

    private readonly List<Element> _elements = [];

    public Marker(string text)
    {
        Text = text;
        bool space = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsWhiteSpace(text[i]) || text[i] == OptionalSpace)
            {
                space = true;
                continue;
            }
            space |= i > 0 && (Punctuation.Contains(text[i], StringComparison.Ordinal) || Punctuation.Contains(text[i - 1], StringComparison.Ordinal));
            _elements.Add(new Element(text[i], space));
            space = false;
        }
        Longest = text.Length + MostSpace + LongestWord;
    }

    /// <summary>As the model writes it, with optional parts.</summary>
    public string Text { get; }

    /// <summary>Characters that it may have.</summary>
    public int Longest { get; }

    /// <summary>Whether a place is the end.</summary>
    public bool IsEnd(int place) => place >= _elements.Count * 2;

    /// <summary>The place behind a character, or -1: the text is another one. Places are even; an odd one is inside a word.</summary>
    public int Advance(int place, char c)
    {
        if (place % 2 == 1)
        {
            if (char.IsAsciiLetterOrDigit(c)) return place;
            place++;
        }
        Element element = _elements[place / 2];
        if (element.Text == Word) return char.IsAsciiLetterOrDigit(c) ? place + 1 : -1;
        if (c == element.Text) return place + 2;
        return element.SpaceBefore && char.IsWhiteSpace(c) ? place : -1;
    }

    /// <summary>All texts that it matches; it has no word.</summary>
    public int ToPattern(PatternPool patterns, int space)
    {
        int result = PatternPool.Empty;
        foreach (Element element in _elements.AsEnumerable().Reverse())
            result = patterns.Sequence(
                element.SpaceBefore ? space : PatternPool.Empty, patterns.Text(Encoding.UTF8.GetBytes([element.Text])), result);
        return result;
    }

    private readonly record struct Element(char Text, bool SpaceBefore);
}

/// <summary>A marker that a text may be the beginning of.</summary>
/// <param name="Marker">The marker.</param>
/// <param name="Start">Where it begins in the text held back.</param>
/// <param name="Place">How far it is matched.</param>
internal readonly record struct Candidate(Marker Marker, int Start, int Place);
