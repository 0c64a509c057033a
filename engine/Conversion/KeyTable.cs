using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>The keys that a JSON object may have. A key that is not here might ask for what a GGUF file cannot say, so it is refused by name: a
/// file that loads and computes something else would be worse. A null counts as absent.</summary>
internal sealed class KeyTable
{
    private readonly Dictionary<string, JsonElement[]?> _values = []; // null: any value; its reader checks it

    /// <summary>A table.</summary>
    /// <param name="read">Names of keys that are read, with spaces between them.</param>
    /// <param name="harmless">Names of keys that change neither ids nor logits.</param>
    /// <param name="only">Keys that may have certain values only, in JSON.</param>
    public KeyTable(string read, string harmless = "", params (string Key, string[] Values)[] only)
    {
        foreach (string key in (read + " " + harmless).Split(' ', StringSplitOptions.RemoveEmptyEntries)) _values.Add(key, null);
        foreach ((string key, string[] values) in only) _values.Add(key, Array.ConvertAll(values, Parse));
    }

    /// <summary>A table of further keys and of these; where both have one, the further one counts.</summary>
    public KeyTable With(string read, string harmless = "", params (string Key, string[] Values)[] only)
    {
        var table = new KeyTable(read, harmless, only);
        foreach ((string key, JsonElement[]? values) in _values) table._values.TryAdd(key, values);
        return table;
    }

    /// <summary>Refuses unknown keys and values.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public void Check(CheckedJson json)
    {
        foreach (JsonProperty member in json.Element.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Null) continue;
            string key = json.Name(member);
            if (!_values.TryGetValue(key, out JsonElement[]? values))
                throw json.Unsupported(
                    $"{key}: a key that is not known here, so what it asks for would be lost; a model that does without it converts "
                    + "once the key is deleted");
            if (values is not null && !Array.Exists(values, value => Same(value, member.Value)))
                throw json.Unsupported($"{key}: expected {string.Join(" or ", values.Select(value => value.GetRawText()).DefaultIfEmpty("null"))}, "
                    + $"found {CheckedJson.Kind(member.Value)}, which a GGUF file cannot say");
        }
    }

    private static bool Same(JsonElement value, JsonElement found)
    {
        try
        {
            return JsonElement.DeepEquals(value, found);
        }
        catch (InvalidOperationException)
        {
            return false; // a text that is not valid Unicode
        }
    }

    private static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
