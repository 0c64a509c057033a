using System.Collections.Immutable;
using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>Turns schemas that must all match into shapes of which one must match: allOf is merged, anyOf and oneOf are multiplied out, and
/// what is negated is turned into what is allowed.</summary>
internal sealed class Alternatives(SchemaTable table, SchemaReader reader, Effort effort)
{
    private const int MostShapes = 512;

    /// <summary>Whether two schemas accept nothing in common; set by who can tell.</summary>
    public Func<SchemaRef, SchemaRef, Shape, bool> AreDisjoint { get; set; } = (_, _, _) => false;

    /// <summary>The shapes of some schemas together.</summary>
    public List<Shape> Of(IEnumerable<SchemaRef> schemas)
    {
        var shapes = new List<Shape>();
        var open = new Stack<Partial>();
        SchemaRef[] all = [.. schemas];
        open.Push(new Partial(new Shape(), [], [.. all]));
        while (open.TryPop(out Partial? at))
        {
            effort.Spend(20);
            if (at.Left.IsEmpty)
            {
                if (!IsEmpty(at.Shape)) shapes.Add(at.Shape);
                if (shapes.Count + open.Count > MostShapes)
                    throw table.Error(all[0].Id, $"too many alternatives multiplied out: expected at most {MostShapes}");
                continue;
            }
            SchemaRef next = at.Left[0];
            ImmutableList<SchemaRef> left = at.Left.RemoveAt(0);
            if (at.Done.Contains(next)) open.Push(at with { Left = left });
            else foreach (Partial way in Ways(next, at.Shape).Reverse())
                    open.Push(way with { Done = at.Done.Add(next), Left = way.Left.AddRange(left) });
        }
        return shapes;
    }

    private IEnumerable<Partial> Ways(SchemaRef schema, Shape before) => schema.Negated ? Negate(schema, before) : Assert(schema, before);

    private static bool IsEmpty(Shape shape) => shape.Types == JsonTypes.None || shape.Values is { Count: 0 };

    private List<Partial> Assert(SchemaRef schema, Shape before)
    {
        JsonElement element = table[schema.Id];
        Shape shape = before.Clone();
        if (!reader.Read(schema.Id, shape)) return [];
        if (element.ValueKind != JsonValueKind.Object) return [new Partial(shape, [], [])];
        var all = new List<SchemaRef>();
        if (element.TryGetProperty("$ref", out JsonElement reference))
        {
            if (reference.ValueKind != JsonValueKind.String) throw table.Error(schema.Id, "$ref: expected a text");
            all.Add(table.Resolve(schema.Id, reference.GetString()!));
            if (table.IgnoresBesideReference) return [new Partial(shape, [], [.. all])];
        }
        all.AddRange(reader.Listed(schema.Id, element, "allOf"));
        if (element.TryGetProperty("not", out JsonElement not)) all.Add(!table.Below(schema.Id, not, "not"));
        List<Partial> ways = [new Partial(shape, [], [.. all])];
        ways = Dependencies(schema.Id, element, ways);
        if (element.TryGetProperty("if", out JsonElement condition) && (element.TryGetProperty("then", out _) || element.TryGetProperty("else", out _)))
        {
            SchemaRef test = table.Below(schema.Id, condition, "if");
            SchemaRef[] then = element.TryGetProperty("then", out JsonElement yes) ? [test, table.Below(schema.Id, yes, "then")] : [test];
            SchemaRef[] otherwise = element.TryGetProperty("else", out JsonElement no) ? [!test, table.Below(schema.Id, no, "else")] : [!test];
            ways = Fork(ways, [then, otherwise]);
        }
        SchemaRef[] any = [.. reader.Listed(schema.Id, element, "anyOf")], one = [.. reader.Listed(schema.Id, element, "oneOf")];
        if (element.TryGetProperty("anyOf", out _)) ways = Fork(ways, any.Select(way => new[] { way }));
        if (element.TryGetProperty("oneOf", out _)) ways = Fork(ways, OneOf(one, shape));
        return ways;
    }

    // Each alternative, and none of those that might match beside it.
    private IEnumerable<SchemaRef[]> OneOf(SchemaRef[] one, Shape shape)
    {
        effort.Spend(one.Length * (long)one.Length * 20);
        bool[,] apart = new bool[one.Length, one.Length];
        for (int i = 0; i < one.Length; i++)
            for (int j = 0; j < i; j++) apart[i, j] = apart[j, i] = AreDisjoint(one[i], one[j], shape);
        for (int i = 0; i < one.Length; i++)
        {
            var all = new List<SchemaRef> { one[i] };
            for (int j = 0; j < one.Length; j++)
                if (j != i && !apart[i, j]) all.Add(!one[j]);
            yield return [.. all];
        }
    }

    private List<Partial> Dependencies(int id, JsonElement element, List<Partial> ways)
    {
        foreach (string word in (string[])["dependentRequired", "dependentSchemas", "dependencies"])
        {
            if (!element.TryGetProperty(word, out JsonElement value)) continue;
            if (value.ValueKind != JsonValueKind.Object) throw table.Error(id, $"{word}: expected an object");
            foreach (JsonProperty property in value.EnumerateObject())
            {
                var next = new List<Partial>();
                foreach (Partial way in ways)
                {
                    Partial without = way with { Shape = way.Shape.Clone() }, with = way with { Shape = way.Shape.Clone() };
                    without.Shape.Forbidden.Add(property.Name);
                    next.Add(without);
                    with.Shape.Types &= JsonTypes.Object;
                    with.Shape.Require(property.Name);
                    if (property.Value.ValueKind == JsonValueKind.Array)
                        foreach (JsonElement name in property.Value.EnumerateArray())
                            with.Shape.Require(name.GetString() ?? throw table.Error(id, $"{word}: expected names"));
                    else with = with with { Left = with.Left.Add(table.Below(id, property.Value, word + "/" + SchemaTable.Escape(property.Name))) };
                    next.Add(with);
                }
                ways = next;
                if (ways.Count > MostShapes) throw table.Error(id, $"too many alternatives multiplied out: expected at most {MostShapes}");
            }
        }
        return ways;
    }

    private static List<Partial> Fork(List<Partial> ways, IEnumerable<SchemaRef[]> alternatives) =>
        [.. from alternative in alternatives from way in ways select way with { Shape = way.Shape.Clone(), Left = way.Left.AddRange(alternative) }];

    // A schema does not match where one of its words does not.
    private IEnumerable<Partial> Negate(SchemaRef schema, Shape before)
    {
        JsonElement element = table[schema.Id];
        if (element.ValueKind is JsonValueKind.True) yield break;
        if (element.ValueKind is JsonValueKind.False)
        {
            yield return new Partial(before.Clone(), [], []);
            yield break;
        }
        if (element.ValueKind != JsonValueKind.Object) throw table.Error(schema.Id, $"expected a schema, found {element.ValueKind}");
        bool alone = table.IgnoresBesideReference && element.TryGetProperty("$ref", out _);
        foreach (JsonProperty word in element.EnumerateObject())
            if (!alone || word.Name == "$ref")
                foreach (Partial way in NegateWord(schema.Id, element, word, before)) yield return way;
    }

    private IEnumerable<Partial> NegateWord(int id, JsonElement schema, JsonProperty word, Shape before)
    {
        switch (word.Name)
        {
            case "type":
                if (schema.TryGetProperty("nullable", out _)) throw Unsupported(id, word.Name);
                JsonTypes types = reader.TypesOf(id, word.Value);
                yield return With(before, shape => shape.Types &= ~types);
                break;
            case "const": yield return With(before, shape => shape.Excluded.Add(word.Value)); break;
            case "enum":
                effort.Spend(word.Value.GetArrayLength());
                yield return With(before, shape => shape.Excluded.AddRange(word.Value.EnumerateArray()));
                break;
            case "required" when word.Value.ValueKind == JsonValueKind.Array:
                foreach (JsonElement name in word.Value.EnumerateArray())
                    yield return With(before, shape =>
                    {
                        shape.Types &= JsonTypes.Object;
                        shape.Forbidden.Add(name.GetString() ?? "");
                    });
                break;
            case "properties":
                foreach ((string name, SchemaRef inner) in reader.Named(id, schema, "properties"))
                    yield return With(before, shape =>
                    {
                        shape.Types &= JsonTypes.Object;
                        shape.Require(name);
                        shape.More.Add((name, !inner));
                    });
                break;
            case "pattern":
                yield return With(before, shape =>
                {
                    shape.Types &= JsonTypes.String;
                    shape.ExcludedPatterns.Add(reader.Text(id, word));
                });
                break;
            case "minLength" or "maxLength" or "minItems" or "maxItems" or "minProperties" or "maxProperties":
                int count = reader.Count(id, word);
                bool isMin = word.Name.StartsWith("min", StringComparison.Ordinal);
                if (isMin && count == 0) break;
                yield return With(before, shape =>
                {
                    Count Change(Count old) => isMin ? old.AtMost(count - 1) : old.AtLeast(count == int.MaxValue ? count : count + 1);
                    if (word.Name.EndsWith("Length", StringComparison.Ordinal))
                        (shape.Types, shape.Length) = (shape.Types & JsonTypes.String, Change(shape.Length));
                    else if (word.Name.EndsWith("Items", StringComparison.Ordinal))
                        (shape.Types, shape.Items) = (shape.Types & JsonTypes.Array, Change(shape.Items));
                    else (shape.Types, shape.Properties) = (shape.Types & JsonTypes.Object, Change(shape.Properties));
                });
                break;
            case "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum" when word.Value.ValueKind == JsonValueKind.Number:
                if (schema.TryGetProperty("exclusiveMinimum", out JsonElement flag) && flag.ValueKind != JsonValueKind.Number) throw Unsupported(id, word.Name);
                if (schema.TryGetProperty("exclusiveMaximum", out flag) && flag.ValueKind != JsonValueKind.Number) throw Unsupported(id, word.Name);
                var bound = new Bound(reader.Number(id, word), !word.Name.StartsWith("exclusive", StringComparison.Ordinal));
                yield return With(before, shape =>
                {
                    shape.Types &= JsonTypes.Number;
                    if (word.Name.EndsWith("inimum", StringComparison.Ordinal)) shape.AtMost(bound);
                    else shape.AtLeast(bound);
                });
                break;
            case "$ref": yield return new Partial(before.Clone(), [], [!table.Resolve(id, word.Value.GetString() ?? "")]); break;
            case "not": yield return new Partial(before.Clone(), [], [table.Below(id, word.Value, "not")]); break;
            case "allOf":
                foreach (SchemaRef part in reader.Listed(id, schema, "allOf")) yield return new Partial(before.Clone(), [], [!part]);
                break;
            case "anyOf": yield return new Partial(before.Clone(), [], [.. reader.Listed(id, schema, "anyOf").Select(part => !part)]); break;
            case "format" when JsonFormats.Find(reader.Text(id, word)) is null: break;
            case "format" or "oneOf" or "if" or "dependencies" or "dependentRequired" or "dependentSchemas" or "multipleOf" or "patternProperties"
                or "additionalProperties" or "propertyNames" or "items" or "prefixItems" or "additionalItems" or "uniqueItems" or "contains"
                or "unevaluatedItems" or "unevaluatedProperties" or "$dynamicRef" or "$recursiveRef" or "exclusiveMinimum" or "exclusiveMaximum" or "minContains"
                or "maxContains" or "required":
                if (word.Value.ValueKind is JsonValueKind.True && word.Name is not ("uniqueItems" or "contains")) break;
                throw Unsupported(id, word.Name);
        }
    }

    private static Partial With(Shape before, Action<Shape> change)
    {
        Shape shape = before.Clone();
        change(shape);
        return new Partial(shape, [], []);
    }

    private EdgeLlmException Unsupported(int id, string word) =>
        table.Error(id, $"the word \"{word}\" is not supported where a schema must not match "
            + "(not, if, or an alternative of oneOf that another one may overlap)");

    private sealed record Partial(Shape Shape, ImmutableHashSet<SchemaRef> Done, ImmutableList<SchemaRef> Left);
}
