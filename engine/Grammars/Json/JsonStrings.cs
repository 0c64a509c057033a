using System.Globalization;
using System.Text;

namespace Edge.Llm.Grammars.Json;

/// <summary>Patterns of strings in JSON, without their quotes unless said otherwise. A string that must match something is written in one way:
/// each character as itself, or by its short escape, or, where there is none, by its number.</summary>
internal sealed class JsonStrings
{
    private const string NameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

    private static readonly (char Character, char Escape)[] s_escapes =
        [('"', '"'), ('\\', '\\'), ('\b', 'b'), ('\f', 'f'), ('\n', 'n'), ('\r', 'r'), ('\t', 't')];

    private static readonly CharSet s_plain = ~CharSet.Of((0, 31), ('"', '"'), ('\\', '\\'));

    private readonly PatternPool _patterns;
    private readonly TextNotation? _notation;
    private readonly Dictionary<(string, bool), int> _searches = [];
    private readonly Dictionary<CharSet, int> _encoded = [];

    public JsonStrings(PatternPool patterns, TextNotation? notation = null)
    {
        (_patterns, _notation) = (patterns, notation);
        Character = Encode(CharSet.All);
        if (notation is not null)
        {
            FreeCharacter = Character;
            return;
        }
        int hex = patterns.Bytes(Hex("0123456789abcdefABCDEF")), lead = patterns.Either(
            patterns.Sequence(patterns.Bytes(Hex("0123456789abcefABCEF")), hex), patterns.Sequence(patterns.Bytes(Hex("dD")), patterns.Bytes(Hex("01234567"))));
        int high = patterns.Sequence(Text("\\u"), patterns.Bytes(Hex("dD")), patterns.Bytes(Hex("89abAB")), patterns.Repeat(hex, 2, 2));
        int low = patterns.Sequence(Text("\\u"), patterns.Bytes(Hex("dD")), patterns.Bytes(Hex("cdefCDEF")), patterns.Repeat(hex, 2, 2));
        FreeCharacter = patterns.Either(
            s_plain.ToPattern(patterns), patterns.Sequence(Text("\\"), patterns.Bytes(Hex("\"\\/bfnrt"))),
            patterns.Sequence(Text("\\u"), lead, patterns.Repeat(hex, 2, 2)), patterns.Sequence(high, low));
    }

    /// <summary>A character in the one way.</summary>
    public int Character { get; }

    /// <summary>A character in any way that JSON knows.</summary>
    public int FreeCharacter { get; }

    /// <summary>A string in quotes.</summary>
    public int Quoted(int inside)
    {
        if (_notation is null) return _patterns.Sequence(Text("\""), inside, Text("\""));
        int forbidden = _patterns.Sequence(PatternPool.Everything, Text(_notation.Forbidden), PatternPool.Everything);
        return _patterns.Sequence(Text(_notation.Quote), _patterns.Both(inside, _patterns.Not(forbidden)), Text(_notation.Quote));
    }

    /// <summary>The name of a property, in quotes if names have some.</summary>
    public int QuotedName(int inside) =>
        _notation is null ? Quoted(inside) : _patterns.Both(inside, _patterns.Repeat(_patterns.Bytes(Hex(NameCharacters)), 1));

    /// <summary>The name of a property, in quotes if names have some.</summary>
    public byte[] WriteName(string name) => _notation is null || name.Any(c => !NameCharacters.Contains(c, StringComparison.Ordinal)) ? Write(name) : Inside(name);

    /// <summary>Strings that match a regular expression somewhere.</summary>
    public int Search(string regex) => Search(regex, open: false);

    /// <summary>Strings that do not match a regular expression anywhere, and much that is no string.</summary>
    public int Exclude(string regex) => _patterns.Not(Search(regex, open: true));

    /// <summary>Strings that match a regular expression as a whole.</summary>
    public int Whole(string regex) => RegexParser.Parse(regex).ToWholePattern(_patterns, Encode);

    /// <summary>A text in quotes, in the one way.</summary>
    public byte[] Write(string text)
    {
        byte[] quote = Encoding.UTF8.GetBytes(_notation is null ? "\"" : _notation.Quote);
        return [.. quote, .. Inside(text), .. quote];
    }

    /// <summary>A text without its quotes, in the one way.</summary>
    public byte[] Inside(string text)
    {
        if (_notation is not null)
            return !text.Contains(_notation.Forbidden, StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(text)
                : throw new EdgeLlmException(ErrorCode.GrammarError, $"a text with \"{_notation.Forbidden}\" cannot be written here");
        var written = new StringBuilder();
        foreach (char c in text)
            if (Array.Find(s_escapes, escape => escape.Character == c) is { Escape: not '\0' } short_) written.Append('\\').Append(short_.Escape);
            else if (c < ' ') written.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else written.Append(c);
        return Encoding.UTF8.GetBytes(written.ToString());
    }

    /// <summary>One of some characters.</summary>
    public int Encode(CharSet set)
    {
        if (_notation is not null) return set.ToPattern(_patterns);
        if (_encoded.TryGetValue(set, out int known)) return known;
        var ways = new List<int> { (set & s_plain).ToPattern(_patterns) };
        foreach ((char character, char escape) in s_escapes)
            if (set.Contains(character)) ways.Add(Text("\\" + escape));
        for (int control = 0; control < ' '; control++)
            if (set.Contains(control) && !Array.Exists(s_escapes, escape => escape.Character == control))
                ways.Add(_patterns.Sequence(Text($"\\u00{control >> 4}"), _patterns.Bytes(Hex($"{control & 15:x}{control & 15:X}"))));
        return _encoded[set] = _patterns.Either([.. ways]);
    }

    private int Search(string regex, bool open)
    {
        if (!_searches.TryGetValue((regex, open), out int pattern))
            _searches[(regex, open)] = pattern = RegexParser.Parse(regex, wideDot: open).ToSearchPattern(_patterns, Encode, open);
        return pattern;
    }

    private int Text(string ascii) => _patterns.Text(Encoding.ASCII.GetBytes(ascii));

    private static ByteSet Hex(string characters)
    {
        ByteSet set = default;
        foreach (char c in characters) set |= ByteSet.Of((byte)c);
        return set;
    }
}
