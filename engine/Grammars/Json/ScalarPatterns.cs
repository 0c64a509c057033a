using System.Text;
using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>The patterns of values without parts.</summary>
internal sealed class ScalarPatterns(JsonSyntax syntax, SchemaTable table)
{
    private readonly PatternPool _patterns = syntax.Patterns;
    private readonly JsonStrings _strings = syntax.Strings;

    public PatternPool Patterns => _patterns;

    /// <summary>Strings that match a regular expression somewhere, without quotes.</summary>
    public int Search(string regex) => _strings.Search(regex);

    /// <summary>Strings that do not match a regular expression anywhere, and much that is no string.</summary>
    public int Exclude(string regex) => _strings.Exclude(regex);

    /// <summary>A string without its quotes.</summary>
    public byte[] Inside(string text) => _strings.Inside(text);

    /// <summary>The scalar values of a shape.</summary>
    /// <param name="shape">The shape; its list of values does not count.</param>
    /// <param name="id">The schema that an error names.</param>
    /// <param name="unique">Whether equal values must be equal texts.</param>
    public int Of(Shape shape, int id, bool unique)
    {
        var ways = new List<int>();
        if (shape.Types.HasFlag(JsonTypes.Null)) Literal(JsonValueKind.Null, "null");
        if (shape.Types.HasFlag(JsonTypes.Boolean))
        {
            Literal(JsonValueKind.True, "true");
            Literal(JsonValueKind.False, "false");
        }
        if ((shape.Types & JsonTypes.Number) != 0) ways.Add(Number(shape, id, unique));
        if (shape.Types.HasFlag(JsonTypes.String)) ways.Add(_strings.Quoted(Text(shape, id, unique)));
        return _patterns.Either([.. ways]);

        void Literal(JsonValueKind kind, string text)
        {
            if (!shape.Excluded.Exists(value => value.ValueKind == kind)) ways.Add(_patterns.Text(Encoding.ASCII.GetBytes(text)));
        }
    }

    /// <summary>The strings of a shape, without quotes.</summary>
    public int Text(Shape shape, int id, bool unique)
    {
        if (shape.Length.IsEmpty) return PatternPool.Nothing;
        try
        {
            var all = new List<int>();
            foreach (string pattern in shape.Patterns) all.Add(_strings.Search(pattern));
            foreach (string format in shape.Formats)
                if (JsonFormats.Find(format) is { } regex) all.Add(_strings.Whole(regex));
            bool isFree = all.Count == 0;
            foreach (string pattern in shape.ExcludedPatterns) all.Add(_strings.Exclude(pattern));
            byte[][] excluded = [.. shape.Excluded.Where(value => value.ValueKind == JsonValueKind.String)
                .Select(value => Inside(value.GetString()!))];
            if (excluded.Length > 0) all.Add(_patterns.Not(_patterns.Literals(excluded)));
            if (all.Count == 0 && !unique) return _patterns.Repeat(_strings.FreeCharacter, shape.Length.Min, shape.Length.Max);
            if (isFree || shape.Length != Count.Any) all.Add(_patterns.Repeat(_strings.Character, shape.Length.Min, shape.Length.Max));
            return _patterns.Both([.. all]);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError && !e.Message.StartsWith('#'))
        {
            throw table.Error(id, e.Message);
        }
    }

    private int Number(Shape shape, int id, bool unique)
    {
        JsonTypes types = shape.Types & JsonTypes.Number;
        bool integer = types == JsonTypes.Integer;
        JsonNumbers numbers = syntax.Numbers;
        if (unique && !integer) throw table.Error(id, "uniqueItems of numbers that need not be whole is not supported");
        DecimalNumber[] excluded = [.. shape.Excluded.Where(value => value.ValueKind == JsonValueKind.Number)
            .Select(value => DecimalNumber.Parse(value.GetRawText()) ?? throw table.Error(id, "a number with too many digits"))];
        bool plain = shape.Min is null && shape.Max is null && excluded.Length == 0 && shape.MultipleOf.Count == 0 && !unique;
        var all = new List<int> { plain ? integer ? numbers.Integer() : numbers.Number() : numbers.Range(shape.Min, shape.Max, integer) };
        if (types == JsonTypes.Fraction) all.Add(numbers.NotInteger());
        foreach (DecimalNumber divisor in shape.MultipleOf)
            all.Add(numbers.Multiples(divisor, integer) ?? throw table.Error(id, $"multipleOf {divisor} is not supported: expected fewer digits"));
        foreach (DecimalNumber value in excluded)
        {
            int zeros = _patterns.Repeat(_patterns.Text("0"u8), 0);
            int written = _patterns.Text(Encoding.ASCII.GetBytes(value.ToString()));
            all.Add(_patterns.Not(value.IsInteger ? _patterns.Sequence(written, _patterns.Optional(_patterns.Sequence(_patterns.Text("."u8), zeros)))
                : _patterns.Sequence(written, zeros)));
        }
        return _patterns.Both([.. all]);
    }
}
