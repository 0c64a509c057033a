using System.Text.Json.Nodes;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Small edits of a JSON object: each of its keys, those of objects within as well, dropped, renamed, given twice, and with a value of another
/// kind.</summary>
internal static class JsonEdits
{
    private const string Twin = "a second time";

    /// <summary>An edit.</summary>
    /// <param name="Key">The key, with those of the objects around it.</param>
    /// <param name="Kind">drop, rename, twice, or the new value.</param>
    /// <param name="Text">The edited JSON.</param>
    internal sealed record Edit(string Key, string Kind, string Text);

    /// <summary>All edits of an object, but none within the keys to skip.</summary>
    public static IEnumerable<Edit> Of(JsonObject root, params string[] skip) =>
        Paths(root, [], skip).SelectMany(path => Kinds.Select(kind => Make(root, path, kind)).OfType<Edit>());

    /// <summary>One edit, or null where it would change nothing.</summary>
    public static Edit? Make(JsonObject root, string[] path, string kind)
    {
        var copy = (JsonObject)root.DeepClone();
        JsonNode node = copy;
        foreach (string name in path[..^1]) node = node is JsonArray array ? array[int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)]! : node[name]!;
        var parent = (JsonObject)node;
        string key = path[^1];
        JsonNode? value = parent[key]?.DeepClone();
        switch (kind)
        {
            case "drop": parent.Remove(key); break;
            case "rename": parent.Remove(key); parent[key + "_x"] = value; break;
            case "twice": parent[Twin] = value; break;
            default:
                JsonNode? other = JsonNode.Parse(kind);
                if (JsonNode.DeepEquals(value, other) || value?.GetValueKind() == other?.GetValueKind()) return null;
                parent[key] = other;
                break;
        }
        return new Edit(string.Join('.', path), kind, copy.ToJsonString().Replace($"\"{Twin}\"", System.Text.Json.JsonSerializer.Serialize(key), StringComparison.Ordinal));
    }

    /// <summary>An element of a random array dropped, repeated, or put elsewhere.</summary>
    public static Edit OfArray(JsonObject root, Random random)
    {
        var copy = (JsonObject)root.DeepClone();
        JsonArray[] arrays = [.. Arrays(copy).Where(array => array.Count > 0)];
        JsonArray chosen = arrays[random.Next(arrays.Length)];
        int at = random.Next(chosen.Count), kind = random.Next(3);
        JsonNode? element = chosen[at]?.DeepClone();
        if (kind != 1) chosen.RemoveAt(at);
        if (kind != 0) chosen.Insert(random.Next(chosen.Count + 1), element);
        return new Edit(chosen.GetPath(), $"{((string[])["drop", "repeat", "move"])[kind]} {at}", copy.ToJsonString());
    }

    private static IEnumerable<JsonArray> Arrays(JsonNode? node) => node switch
    {
        JsonArray array => array.SelectMany(Arrays).Prepend(array),
        JsonObject json => json.SelectMany(member => Arrays(member.Value)),
        _ => [],
    };

    /// <summary>The kinds of edits.</summary>
    public static readonly string[] Kinds = ["drop", "rename", "twice", "\"x\"", "7", "true", "[]", "{}", "null"];

    /// <summary>The ways to all keys.</summary>
    public static IEnumerable<string[]> Paths(JsonNode? node, string[] way, string[] skip)
    {
        if (node is JsonArray array)
            return array.SelectMany((item, i) => Paths(item, [.. way, i.ToString(System.Globalization.CultureInfo.InvariantCulture)], skip));
        if (node is not JsonObject json) return [];
        return json.Where(member => !skip.Contains(member.Key)).SelectMany(member => Paths(member.Value, [.. way, member.Key], skip).Prepend([.. way, member.Key]));
    }
}
