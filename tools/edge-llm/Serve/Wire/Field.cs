using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Cli.Serve.Wire;

/// <summary>A value of a request's JSON that knows where it stands, so that what is wrong with it can be said. A member that is null counts as
/// absent.</summary>
internal readonly struct Field(JsonElement json, string path)
{
    public JsonElement Json => json;

    /// <summary>Where it stands: <c>messages[0].content</c>; empty for the body.</summary>
    public string Path => path;

    public bool IsText => json.ValueKind == JsonValueKind.String;

    public bool IsList => json.ValueKind == JsonValueKind.Array;

    public bool IsFlag => json.ValueKind is JsonValueKind.True or JsonValueKind.False;

    public bool IsObject => json.ValueKind == JsonValueKind.Object;

    /// <summary>A member of an object, or null.</summary>
    public Field? this[string name]
    {
        get
        {
            if (!IsObject) throw Wrong("an object");
            return json.TryGetProperty(name, out JsonElement member) && member.ValueKind != JsonValueKind.Null ? new Field(member, PathOf(name)) : null;
        }
    }

    /// <summary>A member that must be there.</summary>
    public Field Require(string name) =>
        this[name] ?? throw new ApiException(400, $"missing required parameter: '{PathOf(name)}'", PathOf(name), "missing_required_parameter");

    public string Text(int maxLength = int.MaxValue)
    {
        if (!IsText) throw Wrong("a string");
        string text = json.GetString()!;
        return text.Length <= maxLength ? text : throw Error($"expected at most {maxLength} characters, found {text.Length}");
    }

    public double Number(double min = double.MinValue, double max = double.MaxValue)
    {
        if (json.ValueKind != JsonValueKind.Number || !json.TryGetDouble(out double value) || !double.IsFinite(value)) throw Wrong("a number");
        return value >= min && value <= max ? value : throw Error($"expected {Range(min, max)}, found {Text(value)}");
    }

    public int Integer(int min = int.MinValue, int max = int.MaxValue)
    {
        double value = Number();
        if (value != Math.Floor(value)) throw Error($"expected an integer, found {Text(value)}");
        return value >= min && value <= max ? (int)value : throw Error($"expected {Range(min, max)}, found {Text(value)}");
    }

    /// <summary>An integer of 64 bits.</summary>
    public long Long() => json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out long value) ? value : throw Wrong("an integer of 64 bits");

    public bool Flag() => json.ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => throw Wrong("true or false") };

    /// <summary>One of some texts.</summary>
    public string OneOf(params ReadOnlySpan<string> texts)
    {
        string text = Text();
        return texts.Contains(text) ? text : throw Error($"expected {string.Join(", ", texts!)}, found '{Shorten(text)}'");
    }

    /// <summary>The items of a list.</summary>
    public Field[] Items(int max)
    {
        if (!IsList) throw Wrong("an array");
        int count = json.GetArrayLength();
        if (count > max) throw Error($"expected at most {max} items, found {count}");
        var items = new Field[count];
        int i = 0;
        foreach (JsonElement item in json.EnumerateArray()) items[i] = new Field(item, $"{path}[{i++}]");
        return items;
    }

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, Field Value)> Members()
    {
        if (!IsObject) throw Wrong("an object");
        foreach (JsonProperty member in json.EnumerateObject()) yield return (member.Name, new Field(member.Value, PathOf(member.Name)));
    }

    /// <summary>Its JSON, which may not be longer than a grammar.</summary>
    public string Raw()
    {
        string text = json.GetRawText();
        return text.Length <= Limits.GrammarBytes ? text : throw Error($"expected at most {Limits.GrammarBytes} bytes, found {text.Length}");
    }

    public ApiException Error(string what, string? code = null) => new(400, path.Length == 0 ? what : $"{path}: {what}", path.Length == 0 ? null : path, code ?? "invalid_value");

    public ApiException Wrong(string expected) => Error($"expected {expected}, found {Kind()}", "invalid_type");

    private string PathOf(string name) => path.Length == 0 ? name : $"{path}.{name}";

    private string Kind() => json.ValueKind switch
    {
        JsonValueKind.Object => "an object", JsonValueKind.Array => "an array", JsonValueKind.String => "a string", JsonValueKind.Null => "null",
        JsonValueKind.Number => $"the number {Shorten(json.GetRawText())}", _ => json.GetRawText(),
    };

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";

    private static string Range(double min, double max) =>
        max >= int.MaxValue ? $"{Text(min)} or more" : min <= int.MinValue ? $"at most {Text(max)}" : $"{Text(min)} to {Text(max)}";

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
