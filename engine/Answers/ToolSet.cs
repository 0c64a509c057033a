using System.Text.Json;

namespace Edge.Llm.Answers;

/// <summary>The tools that a model may call: name, and the JSON Schema of the arguments.</summary>
internal sealed class ToolSet
{
    private const int MostTools = 1024, LongestName = 256;

    /// <summary>Words that say something of properties which the schema does not name.</summary>
    private static readonly string[] s_ofProperties =
        ["additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "minProperties", "allOf", "anyOf", "oneOf", "if", "$ref", "not",
            "dependencies", "dependentSchemas"];

    private readonly Dictionary<string, JsonElement> _parameters = [];

    private ToolSet(JsonElement json) => Json = json;

    /// <summary>No tools.</summary>
    public static ToolSet None { get; } = new(default);

    /// <summary>No tools that are known; calls of any name are calls.</summary>
    public static ToolSet Any { get; } = new(default);

    /// <summary>The descriptions, as they were given.</summary>
    public JsonElement Json { get; }

    /// <summary>The names, in their order.</summary>
    public IReadOnlyCollection<string> Names => _parameters.Keys;

    /// <summary>The schema that a tool's arguments must match: an object, without properties that it does not name unless it speaks of them.</summary>
    /// <exception cref="EdgeLlmException">GrammarError: of another type.</exception>
    public string SchemaOf(string name)
    {
        JsonElement given = _parameters[name];
        if (given.ValueKind != JsonValueKind.Object) return """{"type":"object","additionalProperties":false}""";
        if (given.TryGetProperty("type", out JsonElement type) && !(type.ValueKind == JsonValueKind.String && type.ValueEquals("object")))
            throw new EdgeLlmException(ErrorCode.GrammarError, $"#/type: expected \"object\", found {type.GetRawText()}");
        using var written = new MemoryStream();
        using (var writer = new Utf8JsonWriter(written))
        {
            writer.WriteStartObject();
            foreach (JsonProperty member in given.EnumerateObject()) member.WriteTo(writer);
            if (type.ValueKind == JsonValueKind.Undefined) writer.WriteString("type"u8, "object"u8);
            if (!given.EnumerateObject().Any(member => s_ofProperties.Contains(member.Name))) writer.WriteBoolean("additionalProperties"u8, false);
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(written.GetBuffer().AsSpan(0, (int)written.Length));
    }

    /// <summary>Reads the text of descriptions.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static ToolSet Parse(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return Parse(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or ArgumentException) // half a surrogate pair
        {
            throw Error("no JSON: " + error.Message);
        }
    }

    /// <summary>Reads descriptions of tools as a chat request has them: an array of <c>{"type": "function", "function": {"name": ...,
    /// "parameters": ...}}</c>, or of what stands for function there.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, with the tool's number.</exception>
    public static ToolSet Parse(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Array) throw Error($"expected a JSON array, found {json.ValueKind}");
        if (json.GetArrayLength() > MostTools) throw Error($"expected at most {MostTools}, found {json.GetArrayLength()}");
        var tools = new ToolSet(json.Clone());
        RequireUnicode(tools.Json);
        foreach (JsonElement tool in tools.Json.EnumerateArray())
        {
            int number = tools._parameters.Count;
            if (tool.ValueKind != JsonValueKind.Object) throw Error($"[{number}]: expected an object, found {tool.ValueKind}");
            JsonElement function = tool.TryGetProperty("function", out JsonElement inner) ? inner : tool;
            string name = NameOf(function, number);
            JsonElement parameters = function.TryGetProperty("parameters", out JsonElement given) ? given : default;
            if (parameters.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined or JsonValueKind.Null))
                throw Error($"[{number}].parameters: expected a JSON Schema, found {parameters.ValueKind}");
            if (!tools._parameters.TryAdd(name, parameters)) throw Error($"[{number}].name: a second tool \"{name}\"");
        }
        return tools;
    }

    /// <summary>Whether a call of this name is one.</summary>
    public bool Has(string name) => this == Any ? name.Length > 0 : _parameters.ContainsKey(name);

    /// <summary>Whether an argument is a text, by its schema.</summary>
    public bool IsText(string tool, string argument)
    {
        if (!_parameters.TryGetValue(tool, out JsonElement schema) || schema.ValueKind != JsonValueKind.Object) return false;
        if (!schema.TryGetProperty("properties", out JsonElement properties) || properties.ValueKind != JsonValueKind.Object) return false;
        if (!properties.TryGetProperty(argument, out JsonElement property) || property.ValueKind != JsonValueKind.Object) return false;
        if (property.TryGetProperty("enum", out JsonElement values) && values.ValueKind == JsonValueKind.Array)
            return values.EnumerateArray().All(value => value.ValueKind == JsonValueKind.String);
        return property.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("string");
    }

    /// <summary>Whether a character may stand in the name of a tool.</summary>
    public static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or ':' or '/' or '$' or '@';

    private static string NameOf(JsonElement function, int number)
    {
        if (function.ValueKind != JsonValueKind.Object || !function.TryGetProperty("name", out JsonElement value) || value.ValueKind != JsonValueKind.String)
            throw Error($"[{number}]: expected a function with a \"name\"");
        string name = value.GetString()!;
        if (name.Length is 0 or > LongestName || !name.All(IsNameCharacter))
            throw Error($"[{number}].name: expected 1 to {LongestName} letters, digits and characters of \"_-.:/$@\", found \"{name}\"");
        return name;
    }

    // JSON may escape half a surrogate pair, in a name or a value: what reads it would throw.
    private static void RequireUnicode(JsonElement json)
    {
        try
        {
            using var writer = new Utf8JsonWriter(Stream.Null);
            json.WriteTo(writer);
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "tools: a string that is not valid Unicode", error);
        }
    }

    private static EdgeLlmException Error(string message) => new(ErrorCode.InvalidArgument, "tools: " + message);
}
