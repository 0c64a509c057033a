using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>Reads the words of a schema into a shape, and what it refers to onto a list.</summary>
internal sealed class SchemaReader(SchemaTable table)
{
    private static readonly string[] s_unsupported = ["contains", "minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef",
        "$recursiveRef", "extends", "disallow", "divisibleBy"];

    /// <summary>Adds what a schema says itself; alternatives are left to others. False if nothing matches.</summary>
    public bool Read(int id, Shape shape)
    {
        JsonElement schema = table[id];
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False) return schema.ValueKind == JsonValueKind.True;
        if (schema.ValueKind != JsonValueKind.Object) throw table.Error(id, $"expected a schema, found {schema.ValueKind}");
        if (table.IgnoresBesideReference && schema.TryGetProperty("$ref", out _)) return true;
        foreach (JsonProperty word in schema.EnumerateObject())
        {
            if (s_unsupported.Contains(word.Name) && !SaysNothing(schema, word)) throw table.Error(id, $"the word \"{word.Name}\" is not supported");
            if (!ReadWord(id, schema, word, shape)) return false;
        }
        ReadObject(id, schema, shape);
        ReadArray(id, schema, shape);
        return shape.Types != JsonTypes.None;
    }

    private static bool SaysNothing(JsonElement schema, JsonProperty word) => word.Name switch
    {
        "minContains" or "maxContains" => !schema.TryGetProperty("contains", out _),
        "unevaluatedItems" or "unevaluatedProperties" =>
            word.Value.ValueKind == JsonValueKind.True || (word.Value.ValueKind == JsonValueKind.Object && !word.Value.EnumerateObject().Any()),
        _ => false,
    };

    private bool ReadWord(int id, JsonElement schema, JsonProperty word, Shape shape)
    {
        JsonElement value = word.Value;
        switch (word.Name)
        {
            case "type":
                JsonTypes types = TypesOf(id, value);
                if (schema.TryGetProperty("nullable", out JsonElement nullable) && nullable.ValueKind == JsonValueKind.True) types |= JsonTypes.Null;
                shape.Types &= types;
                break;
            case "enum":
                if (value.ValueKind != JsonValueKind.Array) throw table.Error(id, "enum: expected a list");
                table.Spend(value.GetArrayLength());
                shape.Values = shape.Values is null ? [.. value.EnumerateArray()] : JsonValues.Common(shape.Values, [.. value.EnumerateArray()]);
                break;
            case "const": shape.Values = shape.Values is null ? [value] : JsonValues.Common(shape.Values, [value]); break;
            case "minimum":
                bool exclusive = schema.TryGetProperty("exclusiveMinimum", out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
                shape.AtLeast(new Bound(Number(id, word), exclusive));
                break;
            case "maximum":
                exclusive = schema.TryGetProperty("exclusiveMaximum", out flag) && flag.ValueKind == JsonValueKind.True;
                shape.AtMost(new Bound(Number(id, word), exclusive));
                break;
            case "exclusiveMinimum" when value.ValueKind is not (JsonValueKind.True or JsonValueKind.False):
                shape.AtLeast(new Bound(Number(id, word), true));
                break;
            case "exclusiveMaximum" when value.ValueKind is not (JsonValueKind.True or JsonValueKind.False):
                shape.AtMost(new Bound(Number(id, word), true));
                break;
            case "multipleOf":
                DecimalNumber divisor = Number(id, word);
                if (divisor.Units.Sign <= 0) throw table.Error(id, "multipleOf: expected more than 0");
                shape.MultipleOf.Add(divisor);
                break;
            case "minLength": shape.Length = shape.Length.AtLeast(Count(id, word)); break;
            case "maxLength": shape.Length = shape.Length.AtMost(Count(id, word)); break;
            case "pattern": shape.Patterns.Add(Text(id, word)); break;
            case "format": shape.Formats.Add(Text(id, word)); break;
            case "minItems": shape.Items = shape.Items.AtLeast(Count(id, word)); break;
            case "maxItems": shape.Items = shape.Items.AtMost(Count(id, word)); break;
            case "uniqueItems": shape.UniqueItems |= value.ValueKind == JsonValueKind.True; break;
            case "minProperties": shape.Properties = shape.Properties.AtLeast(Count(id, word)); break;
            case "maxProperties": shape.Properties = shape.Properties.AtMost(Count(id, word)); break;
            case "propertyNames": shape.PropertyNames.Add(table.Below(id, value, word.Name)); break;
            case "required" when value.ValueKind == JsonValueKind.Array:
                table.Spend(value.GetArrayLength());
                foreach (JsonElement name in value.EnumerateArray())
                    shape.Require(name.ValueKind == JsonValueKind.String ? name.GetString()! : throw table.Error(id, "required: expected names"));
                break;
            case "required" when value.ValueKind is not (JsonValueKind.True or JsonValueKind.False): throw table.Error(id, "required: expected a list");
        }
        return true;
    }

    private void ReadObject(int id, JsonElement schema, Shape shape)
    {
        (string, SchemaRef)[] named = [.. Named(id, schema, "properties")], patterns = [.. Named(id, schema, "patternProperties")];
        SchemaRef? others = schema.TryGetProperty("additionalProperties", out JsonElement more) ? table.Below(id, more, "additionalProperties") : null;
        if (named.Length > 0 || patterns.Length > 0 || others is not null) shape.Objects.Add(new ObjectPart(named, patterns, others));
    }

    private void ReadArray(int id, JsonElement schema, Shape shape)
    {
        SchemaRef[] first = [];
        SchemaRef? rest = null;
        string list = schema.TryGetProperty("prefixItems", out JsonElement prefix) && !table.IgnoresBesideReference ? "prefixItems" : "items";
        if (list == "prefixItems" || (schema.TryGetProperty("items", out prefix) && prefix.ValueKind == JsonValueKind.Array))
        {
            if (prefix.ValueKind != JsonValueKind.Array) throw table.Error(id, "prefixItems: expected a list");
            first = [.. prefix.EnumerateArray().Select((item, i) => table.Below(id, item, $"{list}/{i}"))];
            string remaining = list == "items" ? "additionalItems" : "items";
            if (schema.TryGetProperty(remaining, out JsonElement items)) rest = table.Below(id, items, remaining);
        }
        else if (schema.TryGetProperty("items", out JsonElement items)) rest = table.Below(id, items, "items");
        if (first.Length > 0 || rest is not null) shape.Arrays.Add(new ArrayPart(first, rest));
    }

    /// <summary>The schemas that a word names.</summary>
    public IEnumerable<(string Name, SchemaRef Schema)> Named(int id, JsonElement schema, string word)
    {
        if (!schema.TryGetProperty(word, out JsonElement value)) yield break;
        if (value.ValueKind != JsonValueKind.Object) throw table.Error(id, $"{word}: expected an object");
        foreach (JsonProperty item in value.EnumerateObject())
            yield return (item.Name, table.Below(id, item.Value, word + "/" + SchemaTable.Escape(item.Name)));
    }

    /// <summary>The schemas that a word lists.</summary>
    public IEnumerable<SchemaRef> Listed(int id, JsonElement schema, string word)
    {
        if (!schema.TryGetProperty(word, out JsonElement value)) yield break;
        if (value.ValueKind != JsonValueKind.Array) throw table.Error(id, $"{word}: expected a list");
        int i = 0;
        foreach (JsonElement item in value.EnumerateArray()) yield return table.Below(id, item, $"{word}/{i++}");
    }

    public JsonTypes TypesOf(int id, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array)
            return value.EnumerateArray().Aggregate(JsonTypes.None, (types, item) => types | TypesOf(id, item));
        return value.ValueKind != JsonValueKind.String ? throw table.Error(id, "type: expected a name or a list") : value.GetString() switch
        {
            "null" => JsonTypes.Null,
            "boolean" => JsonTypes.Boolean,
            "integer" => JsonTypes.Integer,
            "number" => JsonTypes.Number,
            "string" => JsonTypes.String,
            "array" => JsonTypes.Array,
            "object" => JsonTypes.Object,
            "any" => JsonTypes.All,
            string other => throw table.Error(id, $"type \"{other}\" is not known"),
            _ => throw table.Error(id, "type: expected a name"),
        };
    }

    public DecimalNumber Number(int id, JsonProperty word) =>
        word.Value.ValueKind == JsonValueKind.Number && DecimalNumber.Parse(word.Value.GetRawText()) is { } number ? number
            : throw table.Error(id, $"{word.Name}: expected a number of at most 400 digits");

    public int Count(int id, JsonProperty word)
    {
        DecimalNumber number = Number(id, word);
        return number.IsInteger && number.Units.Sign >= 0 && number.Units <= int.MaxValue ? (int)number.Units
            : throw table.Error(id, $"{word.Name}: expected a whole number from 0 to {int.MaxValue}");
    }

    public string Text(int id, JsonProperty word) =>
        word.Value.ValueKind == JsonValueKind.String ? word.Value.GetString()! : throw table.Error(id, $"{word.Name}: expected a text");
}
