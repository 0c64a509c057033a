using System.Text;
using Edge.Llm.Grammars;

namespace Edge.Llm.Answers;

/// <summary>Markers in a vocabulary: what of them is a control token, and what is text.</summary>
internal sealed class MarkerSpelling(Vocabulary vocabulary, Productions? productions = null)
{
    private const int LongestToken = 64;

    /// <summary>The markers of a format.</summary>
    public static IEnumerable<string> TextsOf(ToolStyle? style, ReasoningStyle? reasoning)
    {
        IEnumerable<string> texts = reasoning is null ? [] : [reasoning.Open, reasoning.Close];
        if (style is null) return texts;
        texts = [.. texts, .. style.First, .. style.AtStart, .. style.Next, .. style.Middle, .. style.Close, style.End, .. style.Skipped];
        return style.Arguments switch
        {
            KeyedForm keyed => [.. texts, keyed.Open, keyed.Middle, keyed.Close, keyed.End],
            BareForm bare => [.. texts, bare.Quote],
            _ => texts,
        };
    }

    /// <summary>The control tokens in some markers.</summary>
    public HashSet<int> ControlTokens(IEnumerable<string> markers) =>
        [.. markers.SelectMany(Parts).Where(part => part.Token >= 0).Select(part => part.Token)];

    /// <summary>The control tokens that are in none of some markers and end nothing.</summary>
    public IEnumerable<int> OtherControlTokens(IEnumerable<string> markers)
    {
        HashSet<int> mine = ControlTokens(markers);
        return Enumerable.Range(0, vocabulary.Count).Where(id =>
            vocabulary.GetType(id) == TokenType.Control && !vocabulary.IsEndOfGeneration(id) && id != vocabulary.BosId && !mine.Contains(id));
    }

    /// <summary>The control token that is a whole marker, or null.</summary>
    public int? ControlToken(string marker) => Parts(marker).ToArray() is [{ Token: >= 0 } only] ? only.Token : null;

    /// <summary>A marker as text.</summary>
    public int Text(string marker) => productions!.Patterns.Text(Encoding.UTF8.GetBytes(marker));

    /// <summary>A marker as the model writes it, without its optional parts. A token that ends the generation is the end.</summary>
    public int Of(string marker)
    {
        int result = Productions.Empty;
        foreach ((string text, int token) in Parts(marker.Replace(Marker.OptionalSpace.ToString(), "", StringComparison.Ordinal)))
        {
            if (token >= 0 && vocabulary.IsEndOfGeneration(token)) break;
            result = productions!.Sequence(result, token >= 0 ? productions.Tokens(new TokenSet([token], Excluded: false)) : productions.Pattern(Text(text)));
        }
        return result;
    }

    private IEnumerable<(string Text, int Token)> Parts(string marker)
    {
        int start = 0;
        for (int at = 0; at < marker.Length; at++)
        {
            if (marker[at] is not ('<' or '[')) continue;
            for (int length = Math.Min(LongestToken, marker.Length - at); length > 1; length--)
            {
                int token = vocabulary.Find(Encoding.UTF8.GetBytes(marker.Substring(at, length)));
                if (token < 0 || vocabulary.GetType(token) != TokenType.Control) continue;
                if (at > start) yield return (marker[start..at], -1);
                yield return (marker.Substring(at, length), token);
                start = at + length;
                at = start - 1;
                break;
            }
        }
        if (start < marker.Length) yield return (marker[start..], -1);
    }
}
