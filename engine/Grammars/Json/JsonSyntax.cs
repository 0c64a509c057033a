using System.Text;
using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>The parts of JSON that do not depend on a schema.</summary>
internal sealed class JsonSyntax
{
    private const int DeepestValue = 64;

    private readonly int _space, _comma, _colon;

    public JsonSyntax(Productions productions, JsonGrammarOptions options, TextNotation? notation = null)
    {
        (Productions, Patterns) = (productions, productions.Patterns);
        Strings = new JsonStrings(Patterns, notation);
        Numbers = new JsonNumbers(Patterns);
        ByteSet space = ByteSet.Of((byte)' ') | ByteSet.Of((byte)'\t') | ByteSet.Of((byte)'\n') | ByteSet.Of((byte)'\r');
        _space = options.IsFree ? Patterns.Repeat(Patterns.Bytes(space), 0, JsonGrammarOptions.LongestWhiteSpace) : PatternPool.Empty;
        _comma = Patterns.Sequence(_space, Text(options.ItemSeparator ?? ","), _space);
        _colon = Patterns.Sequence(_space, Text(options.KeySeparator ?? ":"), _space);
        Comma = productions.Pattern(_comma);
        AnyValue = MakeAnyValue();
    }

    public Productions Productions { get; }

    public PatternPool Patterns { get; }

    public JsonStrings Strings { get; }

    public JsonNumbers Numbers { get; }

    /// <summary>A comma, and white space around it.</summary>
    public int Comma { get; }

    /// <summary>Any value.</summary>
    public int AnyValue { get; }

    /// <summary>An opening bracket, and white space behind it.</summary>
    public int Open(char bracket) => Productions.Pattern(Patterns.Sequence(Text(bracket.ToString()), _space));

    /// <summary>A closing bracket, with white space before it unless nothing stands between the brackets.</summary>
    public int Close(char bracket, bool afterOpen) => Productions.Pattern(Patterns.Sequence(afterOpen ? PatternPool.Empty : _space, Text(bracket.ToString())));

    /// <summary>A property's name, and the colon behind it.</summary>
    public int Key(int quotedName) => Productions.Pattern(Patterns.Sequence(quotedName, _colon));

    /// <summary>One of some values.</summary>
    public int Values(IEnumerable<JsonElement> values)
    {
        var texts = new List<byte[]>();
        var others = new List<int>();
        foreach (JsonElement value in values)
            if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array) others.Add(Productions.Pattern(Structure(value, 0)));
            else texts.Add(Scalar(value));
        return Productions.Either([Productions.Pattern(Patterns.Literals(texts)), .. others]);
    }

    /// <summary>A value without parts, as it is written.</summary>
    public byte[] Scalar(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Strings.Write(value.GetString()!),
        JsonValueKind.Number => Encoding.ASCII.GetBytes(
            DecimalNumber.Parse(value.GetRawText()) is { } number && number.Decimals < 20 ? number.ToString() : value.GetRawText()),
        JsonValueKind.True => "true"u8.ToArray(),
        JsonValueKind.False => "false"u8.ToArray(),
        _ => "null"u8.ToArray(),
    };

    private int Structure(JsonElement value, int depth)
    {
        if (depth > DeepestValue) throw new EdgeLlmException(ErrorCode.GrammarError, $"a value is nested too deep: expected at most {DeepestValue} levels");
        bool isObject = value.ValueKind == JsonValueKind.Object;
        if (!isObject && value.ValueKind != JsonValueKind.Array) return Patterns.Text(Scalar(value));
        var parts = new List<int> { Text(isObject ? "{" : "["), _space };
        IEnumerable<int[]> members = isObject
            ? value.EnumerateObject().Select(member =>
                new[] { Patterns.Text(Strings.WriteName(member.Name)), _colon, Structure(member.Value, depth + 1) })
            : value.EnumerateArray().Select(item => new[] { Structure(item, depth + 1) });
        int count = 0;
        foreach (int[] member in members)
        {
            if (count++ > 0) parts.Add(_comma);
            parts.AddRange(member);
        }
        if (count > 0) parts.Add(_space);
        parts.Add(Text(isObject ? "}" : "]"));
        return Patterns.Sequence([.. parts]);
    }

    private int MakeAnyValue()
    {
        int rule = Productions.NewRule(), value = Productions.Rule(rule);
        int text = Strings.Quoted(Patterns.Repeat(Strings.FreeCharacter, 0));
        int scalar = Productions.Pattern(Patterns.Either(
            text, Numbers.Number(), Patterns.Literals([[.. "true"u8], [.. "false"u8], [.. "null"u8]])));
        int member = Productions.Sequence(Key(Strings.QuotedName(Patterns.Repeat(Strings.FreeCharacter, 0))), value);
        Productions.SetBody(rule, Productions.Either(scalar, List('[', ']', value), List('{', '}', member)));
        return value;
    }

    private int List(char open, char close, int item)
    {
        int items = Productions.Sequence(item, Productions.Repeat(Productions.Sequence(Comma, item), 0), Close(close, false));
        return Productions.Sequence(Open(open), Productions.Either(items, Close(close, true)));
    }

    private int Text(string ascii) => Patterns.Text(Encoding.ASCII.GetBytes(ascii));
}
