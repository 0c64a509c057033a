using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>Equality of JSON values as JSON Schema has it: numbers by value, objects without order.</summary>
internal static class JsonValues
{
    private const int DeepestValue = 64;

    /// <summary>The values of a list that another one has as well.</summary>
    public static List<JsonElement> Common(List<JsonElement> a, List<JsonElement> b)
    {
        var texts = b.Where(value => !HasParts(value)).Select(Text).ToHashSet();
        return [.. a.Where(value => HasParts(value) ? b.Exists(other => AreEqual(value, other)) : texts.Contains(Text(value)))];
    }

    /// <summary>Whether a value has other values in it.</summary>
    public static bool HasParts(JsonElement value) => value.ValueKind is JsonValueKind.Array or JsonValueKind.Object;

    /// <summary>The text of a scalar: equal ones have equal texts.</summary>
    public static string Text(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && DecimalNumber.Parse(value.GetRawText()) is { } number ? number.ToString()
        : value.ValueKind == JsonValueKind.String ? '"' + value.GetString() : value.GetRawText();

    public static JsonTypes TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => JsonTypes.Null,
        JsonValueKind.True or JsonValueKind.False => JsonTypes.Boolean,
        JsonValueKind.Number => DecimalNumber.Parse(value.GetRawText()) is { IsInteger: false } ? JsonTypes.Fraction : JsonTypes.Integer,
        JsonValueKind.String => JsonTypes.String,
        JsonValueKind.Array => JsonTypes.Array,
        _ => JsonTypes.Object,
    };

    public static bool AreEqual(JsonElement a, JsonElement b, int depth = 0)
    {
        if (depth > DeepestValue) throw new EdgeLlmException(ErrorCode.GrammarError, $"a value is nested too deep: expected at most {DeepestValue} levels");
        if (a.ValueKind != b.ValueKind) return false;
        switch (a.ValueKind)
        {
            case JsonValueKind.Number:
                return a.GetRawText() == b.GetRawText()
                    || (DecimalNumber.Parse(a.GetRawText()) is { } x && DecimalNumber.Parse(b.GetRawText()) is { } y && x == y);
            case JsonValueKind.String: return a.GetString() == b.GetString();
            case JsonValueKind.Array:
                return a.GetArrayLength() == b.GetArrayLength()
                    && a.EnumerateArray().Zip(b.EnumerateArray()).All(pair => AreEqual(pair.First, pair.Second, depth + 1));
            case JsonValueKind.Object:
                return a.EnumerateObject().Count() == b.EnumerateObject().Count()
                    && a.EnumerateObject().All(member => b.TryGetProperty(member.Name, out JsonElement other) && AreEqual(member.Value, other, depth + 1));
            default: return true;
        }
    }
}

/// <summary>Finds values in a list, scalars without looking at all of them.</summary>
internal sealed class ValueSet
{
    private readonly HashSet<string> _texts = [];
    private List<JsonElement>? _list;
    private int _count;

    /// <summary>Whether a value is in a list, which may have grown since the last time, or is another one.</summary>
    public bool Contains(List<JsonElement> list, JsonElement value)
    {
        if (JsonValues.HasParts(value)) return list.Exists(other => JsonValues.AreEqual(value, other));
        if (list != _list)
        {
            _texts.Clear();
            (_list, _count) = (list, 0);
        }
        for (; _count < list.Count; _count++)
            if (!JsonValues.HasParts(list[_count])) _texts.Add(JsonValues.Text(list[_count]));
        return _texts.Contains(JsonValues.Text(value));
    }
}
