using System.Text;
using System.Text.Json;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Writes values as the grammar of their schema wants them: members in the schema's order, strings in the shortest way.</summary>
internal static class SchemaOrder
{
    /// <summary>The ways to write a value that differ where alternatives of the schema name their properties in different orders.</summary>
    public static IEnumerable<string> Texts(JsonElement value, JsonElement schema) =>
        Enumerable.Range(0, 6).Select(first => Write(value, [schema], schema, first)).Distinct();

    private static string Write(JsonElement value, List<JsonElement> schemas, JsonElement root, int first)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String: return Quote(value.GetString()!);
            case JsonValueKind.Array:
                List<JsonElement> all = Expand(schemas, root, first);
                return "[" + string.Join(",", value.EnumerateArray().Select((item, i) => Write(item, [.. all.SelectMany(schema => OfItem(schema, i))], root, first))) + "]";
            case JsonValueKind.Object:
                all = Expand(schemas, root, first);
                string[] order = [.. all.SelectMany(schema => Names(schema, "properties")).Concat(all.SelectMany(Required)).Distinct()];
                IEnumerable<JsonProperty> members = value.EnumerateObject().OrderBy(member => Array.IndexOf(order, member.Name) is var at && at < 0 ? int.MaxValue : at);
                return "{" + string.Join(",", members.Select(member =>
                    Quote(member.Name) + ":" + Write(member.Value, [.. all.SelectMany(schema => OfProperty(schema, member.Name))], root, first))) + "}";
            default: return value.GetRawText();
        }
    }

    public static string Quote(string text)
    {
        var written = new StringBuilder("\"");
        foreach (char c in text)
            written.Append(c switch
            {
                '"' => "\\\"", '\\' => "\\\\", '\b' => "\\b", '\f' => "\\f", '\n' => "\\n", '\r' => "\\r", '\t' => "\\t",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        return written.Append('"').ToString();
    }

    // The schemas that look at the same value, in the order in which they are read.
    private static List<JsonElement> Expand(List<JsonElement> schemas, JsonElement root, int first)
    {
        var found = new List<JsonElement>();
        var seen = new HashSet<string>();
        void Add(JsonElement schema)
        {
            if (schema.ValueKind != JsonValueKind.Object || !seen.Add(schema.GetRawText())) return;
            bool refers = schema.TryGetProperty("$ref", out JsonElement reference);
            if (!refers || !IsAlone(root)) found.Add(schema);
            if (refers && Resolve(root, reference.GetString()!) is { } target) Add(target);
            if (refers && IsAlone(root)) return;
            foreach (string word in (string[])["allOf", "anyOf", "oneOf"])
            {
                if (!schema.TryGetProperty(word, out JsonElement list) || list.ValueKind != JsonValueKind.Array) continue;
                int length = list.GetArrayLength();
                for (int i = 0; i < length; i++) Add(list[word == "allOf" ? i : (i + first) % length]);
                if (word != "allOf") continue;
                foreach (string name in (string[])["dependentSchemas", "dependencies"])
                    if (schema.TryGetProperty(name, out JsonElement map) && map.ValueKind == JsonValueKind.Object)
                        foreach (JsonProperty item in map.EnumerateObject()) Add(item.Value);
            }
            foreach (string word in (string[])["if", "then", "else", "dependentSchemas", "dependencies"])
                if (schema.TryGetProperty(word, out JsonElement part))
                    if (word.StartsWith("dep", StringComparison.Ordinal)) foreach (JsonProperty item in part.EnumerateObject()) Add(item.Value);
                    else Add(part);
        }
        foreach (JsonElement schema in schemas) Add(schema);
        return found;
    }

    // In drafts up to 7 nothing counts beside a reference.
    private static bool IsAlone(JsonElement root) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty("$schema", out JsonElement draft) && draft.GetString()!.Contains("draft-0");

    private static JsonElement? Resolve(JsonElement root, string reference)
    {
        if (!reference.StartsWith('#')) return null;
        JsonElement at = root;
        foreach (string part in Uri.UnescapeDataString(reference[1..]).Split('/').Skip(1))
        {
            string name = part.Replace("~1", "/").Replace("~0", "~");
            if (at.ValueKind == JsonValueKind.Array && int.TryParse(name, out int index) && index < at.GetArrayLength()) at = at[index];
            else if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at)) return null;
        }
        return at;
    }

    private static IEnumerable<string> Names(JsonElement schema, string word) =>
        schema.TryGetProperty(word, out JsonElement map) && map.ValueKind == JsonValueKind.Object ? map.EnumerateObject().Select(item => item.Name) : [];

    private static IEnumerable<string> Required(JsonElement schema) =>
        schema.TryGetProperty("required", out JsonElement list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Select(name => name.GetString()!) : [];

    private static IEnumerable<JsonElement> OfProperty(JsonElement schema, string name)
    {
        if (schema.TryGetProperty("properties", out JsonElement map) && map.TryGetProperty(name, out JsonElement own)) yield return own;
        if (schema.TryGetProperty("patternProperties", out map)) foreach (JsonProperty item in map.EnumerateObject()) yield return item.Value;
        if (schema.TryGetProperty("additionalProperties", out JsonElement others)) yield return others;
    }

    private static IEnumerable<JsonElement> OfItem(JsonElement schema, int index)
    {
        foreach (string word in (string[])["prefixItems", "items"])
            if (schema.TryGetProperty(word, out JsonElement items))
                if (items.ValueKind != JsonValueKind.Array) yield return items;
                else if (index < items.GetArrayLength()) yield return items[index];
        if (schema.TryGetProperty("additionalItems", out JsonElement rest)) yield return rest;
    }
}
