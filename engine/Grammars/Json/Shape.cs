using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>What all of some schemas say together, without alternatives.</summary>
internal sealed class Shape
{
    private readonly List<string> _required = [];
    private readonly HashSet<string> _isRequired = [];
    private readonly ValueSet _values = new(), _excluded = new();

    private Shape(IEnumerable<string> required)
    {
        foreach (string name in required) Require(name);
    }

    /// <summary>The shape of all values.</summary>
    public Shape() : this([])
    {
    }

    public JsonTypes Types { get; set; } = JsonTypes.All;

    /// <summary>The only values allowed, or null.</summary>
    public List<JsonElement>? Values { get; set; }

    public List<JsonElement> Excluded { get; private init; } = [];

    public Bound? Min { get; set; }

    public Bound? Max { get; set; }

    public List<DecimalNumber> MultipleOf { get; private init; } = [];

    public Count Length { get; set; } = Count.Any;

    public List<string> Patterns { get; private init; } = [];

    public List<string> ExcludedPatterns { get; private init; } = [];

    public List<string> Formats { get; private init; } = [];

    public Count Items { get; set; } = Count.Any;

    public bool UniqueItems { get; set; }

    public List<ArrayPart> Arrays { get; private init; } = [];

    public Count Properties { get; set; } = Count.Any;

    public List<ObjectPart> Objects { get; private init; } = [];

    public IReadOnlyList<string> Required => _required;

    public HashSet<string> Forbidden { get; private init; } = [];

    /// <summary>What single properties must match beside what the parts say.</summary>
    public List<(string Name, SchemaRef Schema)> More { get; private init; } = [];

    public List<SchemaRef> PropertyNames { get; private init; } = [];

    /// <summary>Whether a value is among <see cref="Values"/>.</summary>
    public bool Lists(JsonElement value) => Values is null || _values.Contains(Values, value);

    /// <summary>Whether a value is among <see cref="Excluded"/>.</summary>
    public bool Excludes(JsonElement value) => _excluded.Contains(Excluded, value);

    public Shape Clone() => new(_required)
    {
        Types = Types, Values = Values, Excluded = [.. Excluded], Min = Min, Max = Max, MultipleOf = [.. MultipleOf], Length = Length,
        Patterns = [.. Patterns], ExcludedPatterns = [.. ExcludedPatterns], Formats = [.. Formats], Items = Items, UniqueItems = UniqueItems,
        Arrays = [.. Arrays], Properties = Properties, Objects = [.. Objects], Forbidden = [.. Forbidden], More = [.. More],
        PropertyNames = [.. PropertyNames],
    };

    public void AtLeast(Bound bound)
    {
        int order = Min is { } old ? bound.Value.CompareTo(old.Value) : 1;
        if (order > 0 || (order == 0 && bound.Excluded)) Min = bound;
    }

    public void AtMost(Bound bound)
    {
        int order = Max is { } old ? bound.Value.CompareTo(old.Value) : -1;
        if (order < 0 || (order == 0 && bound.Excluded)) Max = bound;
    }

    public void Require(string name)
    {
        if (_isRequired.Add(name)) _required.Add(name);
    }

    public bool IsRequired(string name) => _isRequired.Contains(name);

    /// <summary>What a property must match; null where it may not be.</summary>
    public List<SchemaRef>? Property(string name, Func<string, string, bool> matches, Func<SchemaRef, bool> isFalse)
    {
        if (Forbidden.Contains(name)) return null;
        SchemaRef[] schemas = [.. Objects.SelectMany(part => part.Of(name, matches))
            .Concat(More.Where(more => more.Name == name).Select(more => more.Schema)).Distinct()];
        return Array.Exists(schemas, schema => isFalse(schema)) ? null : [.. schemas];
    }
}

/// <summary>How many there may be; no limit is -1.</summary>
internal readonly record struct Count(int Min, int Max)
{
    public static Count Any => new(0, -1);

    public bool IsEmpty => Max >= 0 && Max < Min;

    public Count AtLeast(int min) => this with { Min = Math.Max(Min, min) };

    public Count AtMost(int max) => this with { Max = Max < 0 ? max : Math.Min(Max, max) };
}

/// <summary>What one schema says of an array.</summary>
internal sealed record ArrayPart(SchemaRef[] First, SchemaRef? Rest)
{
    public SchemaRef? At(int index) => index < First.Length ? First[index] : Rest;
}

/// <summary>What one schema says of the properties of an object.</summary>
internal sealed record ObjectPart((string Name, SchemaRef Schema)[] Named, (string Pattern, SchemaRef Schema)[] Patterns, SchemaRef? Others)
{
    private readonly Dictionary<string, SchemaRef> _named =
        Named.DistinctBy(property => property.Name).ToDictionary(property => property.Name, property => property.Schema);

    public IEnumerable<SchemaRef> Of(string name, Func<string, string, bool> matches)
    {
        bool known = false;
        if (_named.TryGetValue(name, out SchemaRef schema))
        {
            known = true;
            yield return schema;
        }
        foreach ((string pattern, SchemaRef ofPattern) in Patterns)
            if (matches(pattern, name))
            {
                known = true;
                yield return ofPattern;
            }
        if (!known && Others is { } others) yield return others;
    }

    public bool Names(string name) => _named.ContainsKey(name);
}
