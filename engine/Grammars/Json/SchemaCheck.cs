using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>Answers questions about schemas when a grammar is made: whether one accepts a value, and whether two have nothing in common.</summary>
internal sealed class SchemaCheck(SchemaTable table, Alternatives alternatives, ScalarPatterns scalars, Effort effort)
{
    private const int DeepestQuestion = 6, DeepestValue = 64;

    private readonly PatternPool _patterns = scalars.Patterns;
    private readonly Dictionary<(string, string), bool> _matches = [];
    private readonly Dictionary<SchemaRef, List<Shape>> _shapesOf = []; // of those that were compared with others
    private int _depth;

    /// <summary>The shapes of some schemas together.</summary>
    public List<Shape> ShapesOf(IEnumerable<SchemaRef> schemas) => alternatives.Of(schemas);

    /// <summary>Whether a schema says nothing.</summary>
    public bool IsTrue(SchemaRef schema) => IsConstant(schema.Id) is { } value && value != schema.Negated;

    /// <summary>Whether a schema plainly accepts nothing.</summary>
    public bool IsFalse(SchemaRef schema) => IsConstant(schema.Id) is { } value && value == schema.Negated;

    /// <summary>Whether a text matches a regular expression somewhere.</summary>
    public bool Matches(string regex, string text)
    {
        if (!_matches.TryGetValue((regex, text), out bool matches))
            _matches[(regex, text)] = matches = Matches(scalars.Search(regex), scalars.Inside(text));
        return matches;
    }

    /// <summary>Whether a text is one of a pattern.</summary>
    public bool Matches(int pattern, ReadOnlySpan<byte> text)
    {
        foreach (byte value in text)
            if ((pattern = _patterns.Step(pattern, value)) == PatternPool.Nothing) return false;
        return _patterns.IsNullable(pattern);
    }

    /// <summary>Whether a value is one of a shape.</summary>
    /// <param name="value">The value.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="depth">Values around it.</param>
    /// <param name="listed">It is one of the shape's own list.</param>
    public bool Accepts(JsonElement value, Shape shape, int depth = 0, bool listed = false)
    {
        effort.Spend(5);
        if (depth > DeepestValue) throw new EdgeLlmException(ErrorCode.GrammarError, $"a value is nested too deep: expected at most {DeepestValue} levels");
        JsonTypes type = JsonValues.TypeOf(value);
        if ((shape.Types & type) == 0) return false;
        if (JsonValues.HasParts(value)) effort.Spend(10L * ((shape.Values?.Count ?? 0) + shape.Excluded.Count)); // compared one by one
        if ((!listed && !shape.Lists(value)) || shape.Excludes(value)) return false;
        switch (type)
        {
            case JsonTypes.String: return Matches(scalars.Text(shape, 0, unique: true), scalars.Inside(value.GetString()!));
            case JsonTypes.Integer or JsonTypes.Fraction:
                return DecimalNumber.Parse(value.GetRawText()) is { } number
                    && (shape.Min is not { } min || number.CompareTo(min.Value) is var low && (low > 0 || (low == 0 && !min.Excluded)))
                    && (shape.Max is not { } max || number.CompareTo(max.Value) is var high && (high < 0 || (high == 0 && !max.Excluded)))
                    && shape.MultipleOf.TrueForAll(divisor => number.IsMultipleOf(divisor));
            case JsonTypes.Array: return AcceptsArray(value, shape, depth);
            case JsonTypes.Object: return AcceptsObject(value, shape, depth);
            default: return true;
        }
    }

    /// <summary>Whether nothing is accepted by two schemas that stand beside a shape. False where it cannot be told.</summary>
    public bool AreDisjoint(SchemaRef a, SchemaRef b, Shape beside) => AreDisjoint([a], [b], beside.Types);

    private bool AreDisjoint(List<SchemaRef> a, List<SchemaRef> b, JsonTypes types)
    {
        if (_depth >= DeepestQuestion) return false;
        _depth++;
        try
        {
            List<Shape> of = Shapes(a), other = Shapes(b);
            return of.TrueForAll(x => other.TrueForAll(y => AreDisjoint(x, y, types)));
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError && e.Message.StartsWith('#'))
        {
            return false; // what is not supported is reported where it is used
        }
        finally
        {
            _depth--;
        }
    }

    private List<Shape> Shapes(List<SchemaRef> schemas)
    {
        if (schemas.Count != 1) return alternatives.Of(schemas);
        if (!_shapesOf.TryGetValue(schemas[0], out List<Shape>? known)) _shapesOf[schemas[0]] = known = alternatives.Of(schemas);
        return known;
    }

    private bool AreDisjoint(Shape a, Shape b, JsonTypes types)
    {
        types &= a.Types & b.Types;
        if (a.Values is { Count: > 1000 } || b.Values is { Count: > 1000 }) return false;
        if (a.Values is { } values)
            return values.TrueForAll(value => (JsonValues.TypeOf(value) & types) == 0 || !Accepts(value, a, listed: true) || !Accepts(value, b));
        if (b.Values is not null) return AreDisjoint(b, a, types);
        if ((types & (JsonTypes.Null | JsonTypes.Boolean)) != 0) return false;
        if (types.HasFlag(JsonTypes.String) && !IsEmpty(_patterns.Both(scalars.Text(a, 0, unique: true), scalars.Text(b, 0, unique: true)))) return false;
        if ((types & JsonTypes.Number) != 0 && !AreDisjointNumbers(a, b)) return false;
        if (types.HasFlag(JsonTypes.Array) && !AreDisjointArrays(a, b)) return false;
        return !types.HasFlag(JsonTypes.Object) || AreDisjointObjects(a, b);
    }

    private bool IsEmpty(int pattern) => _patterns.MinLength(pattern) >= Length.Infinite;

    private static bool AreDisjointNumbers(Shape a, Shape b) =>
        (a.Types & b.Types & JsonTypes.Number) == 0 || Below(a.Max, b.Min) || Below(b.Max, a.Min);

    private static bool Below(Bound? max, Bound? min) =>
        max is { } high && min is { } low && high.Value.CompareTo(low.Value) is var order && (order < 0 || (order == 0 && (high.Excluded || low.Excluded)));

    private bool AreDisjointArrays(Shape a, Shape b)
    {
        if ((a.Items.Max >= 0 && a.Items.Max < b.Items.Min) || (b.Items.Max >= 0 && b.Items.Max < a.Items.Min)) return true;
        for (int i = 0; i < Math.Min(Math.Max(a.Items.Min, b.Items.Min), DeepestQuestion); i++)
            if (AreDisjoint(ItemsAt(a, i), ItemsAt(b, i), JsonTypes.All)) return true;
        return false;
    }

    private static List<SchemaRef> ItemsAt(Shape shape, int index) => [.. shape.Arrays.Select(part => part.At(index)).OfType<SchemaRef>()];

    // A property that must be there decides, if it cannot match both, or may not be there in one of them.
    private bool AreDisjointObjects(Shape a, Shape b)
    {
        foreach (string name in a.Required.Union(b.Required))
        {
            List<SchemaRef>? inA = a.Property(name, Matches, IsFalse), inB = b.Property(name, Matches, IsFalse);
            if (inA is null || inB is null) return true;
            if (inA.Count > 0 && inB.Count > 0 && AreDisjoint(inA, inB, JsonTypes.All)) return true;
        }
        return false;
    }

    private bool AcceptsAll(JsonElement value, IEnumerable<SchemaRef> schemas, int depth) =>
        alternatives.Of(schemas).Exists(shape => Accepts(value, shape, depth));

    private bool AcceptsArray(JsonElement value, Shape shape, int depth)
    {
        JsonElement[] items = [.. value.EnumerateArray()];
        if (items.Length < shape.Items.Min || (shape.Items.Max >= 0 && items.Length > shape.Items.Max)) return false;
        for (int i = 0; i < items.Length; i++)
        {
            if (ItemsAt(shape, i) is { Count: > 0 } schemas && !AcceptsAll(items[i], schemas, depth + 1)) return false;
            if (shape.UniqueItems) effort.Spend(i);
            if (shape.UniqueItems && items.Take(i).Any(other => JsonValues.AreEqual(items[i], other))) return false;
        }
        return true;
    }

    private bool AcceptsObject(JsonElement value, Shape shape, int depth)
    {
        string[] names = [.. value.EnumerateObject().Select(member => member.Name)];
        if (names.Length < shape.Properties.Min || (shape.Properties.Max >= 0 && names.Length > shape.Properties.Max)) return false;
        effort.Spend((long)shape.Required.Count * names.Length / 16);
        if (!shape.Required.All(names.Contains)) return false;
        foreach (JsonProperty member in value.EnumerateObject())
        {
            if (shape.Property(member.Name, Matches, IsFalse) is not { } schemas) return false;
            if (schemas.Count > 0 && !AcceptsAll(member.Value, schemas, depth + 1)) return false;
            if (shape.PropertyNames.Count > 0 && !AcceptsName(member.Name, shape)) return false;
        }
        return true;
    }

    /// <summary>Whether a property may have a name.</summary>
    public bool AcceptsName(string name, Shape shape) =>
        Shapes(shape.PropertyNames).Exists(names => names.Types.HasFlag(JsonTypes.String) && (names.Values is { } values
            ? IsAmong(name, values, names) : Matches(scalars.Text(names, 0, unique: true), scalars.Inside(name))));

    private bool IsAmong(string name, List<JsonElement> values, Shape names)
    {
        effort.Spend(values.Count);
        return values.Exists(value => value.ValueKind == JsonValueKind.String && value.ValueEquals(name) && Accepts(value, names));
    }

    /// <summary>The names that properties may have, without quotes.</summary>
    public int Names(Shape shape)
    {
        var ways = new List<int>();
        foreach (Shape names in alternatives.Of(shape.PropertyNames))
            if (!names.Types.HasFlag(JsonTypes.String)) continue;
            else if (names.Values is { } values)
                ways.Add(_patterns.Literals(values.Where(value => value.ValueKind == JsonValueKind.String && Accepts(value, names, listed: true))
                    .Select(value => scalars.Inside(value.GetString()!))));
            else ways.Add(scalars.Text(names, shape.PropertyNames[0].Id, unique: true));
        return _patterns.Either([.. ways]);
    }

    // An object without words that JSON Schema knows says nothing, but those are seldom: only the empty one is looked for.
    private bool? IsConstant(int id) => table[id].ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Object when !table[id].EnumerateObject().Any() => true,
        JsonValueKind.Object when table[id].EnumerateObject() is var words && words.Count() == 1 && words.First() is { Name: "not" } not
            && (not.Value.ValueKind == JsonValueKind.True || (not.Value.ValueKind == JsonValueKind.Object && !not.Value.EnumerateObject().Any())) => false,
        _ => null,
    };
}
