using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>A schema, or what it does not accept.</summary>
internal readonly record struct SchemaRef(int Id, bool Negated)
{
    public static SchemaRef operator !(SchemaRef schema) => schema with { Negated = !schema.Negated };
}

/// <summary>The schemas of a document by their places, and what their references name.</summary>
internal sealed class SchemaTable
{
    private static readonly string[] s_one = ["additionalProperties", "additionalItems", "items", "not", "if", "then", "else", "propertyNames", "contains",
        "unevaluatedItems", "unevaluatedProperties"];

    private static readonly string[] s_many = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
    private static readonly string[] s_named = ["properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"];

    private static readonly string[] s_drafts = ["draft-07", "draft-06", "draft-04", "draft-03"]; // in which a reference stands alone

    private readonly List<Place> _places = [];
    private readonly Dictionary<string, int> _ids = []; // by JSON pointer
    private readonly Dictionary<string, int> _names = []; // by URI
    private readonly Effort _effort;

    public SchemaTable(JsonElement root, Effort effort)
    {
        _effort = effort;
        string declared = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("$schema", out JsonElement uri) && uri.ValueKind == JsonValueKind.String
            ? uri.GetString()! : "";
        IgnoresBesideReference = Array.Exists(s_drafts, declared.Contains);
        Uri start = new("schema://document/");
        Id(root, "#", start);
        for (int id = 0; id < _places.Count; id++) Walk(_places[id]);
    }

    /// <summary>Whether the document is of a draft in which a reference stands alone.</summary>
    public bool IgnoresBesideReference { get; }

    /// <summary>Counts what is read.</summary>
    public void Spend(long steps) => _effort.Spend(steps);

    public JsonElement this[int id] => _places[id].Element;

    public string PathOf(int id) => _places[id].Path;

    /// <summary>The number of a schema below another one.</summary>
    public SchemaRef Below(int id, JsonElement element, string path) => new(Id(element, _places[id].Path + "/" + path, _places[id].Base), false);

    /// <summary>The number of the schema that a reference names.</summary>
    public SchemaRef Resolve(int id, string reference)
    {
        Place place = _places[id];
        if (!Uri.TryCreate(place.Base, reference, out Uri? target)) throw Error(id, $"$ref \"{reference}\" is no reference");
        string whole = target.ToString(), fragment = Uri.UnescapeDataString(target.Fragment);
        if (_names.TryGetValue(Normal(whole), out int named)) return new SchemaRef(named, false);
        int hash = whole.IndexOf('#');
        if (!_names.TryGetValue(Normal(hash < 0 ? whole : whole[..hash]), out int resource)) throw Error(id, $"$ref \"{reference}\" is not in this document");
        JsonElement at = _places[resource].Element;
        string path = _places[resource].Path;
        Uri uri = _places[resource].Base;
        if (fragment is not ("" or "#") && !fragment.StartsWith("#/", StringComparison.Ordinal)) throw Error(id, $"$ref \"{reference}\" names nothing");
        foreach (string part in fragment.Length < 2 ? [] : fragment[2..].Split('/'))
        {
            string name = part.Replace("~1", "/").Replace("~0", "~");
            bool found = at.ValueKind == JsonValueKind.Object ? at.TryGetProperty(name, out at)
                : at.ValueKind == JsonValueKind.Array && int.TryParse(name, out int index) && index >= 0 && index < at.GetArrayLength()
                && (at = at[index]).ValueKind >= 0;
            if (!found) throw Error(id, $"$ref \"{reference}\" names nothing");
            path += "/" + part;
            if (_ids.TryGetValue(path, out int known)) uri = _places[known].Base;
        }
        return new SchemaRef(Id(at, path, uri), false);
    }

    public EdgeLlmException Error(int id, string message) => new(ErrorCode.GrammarError, $"{PathOf(id)}: {message}");

    private int Id(JsonElement element, string path, Uri uri)
    {
        if (_ids.TryGetValue(path, out int known)) return known;
        _effort.Keep(150 + 2 * path.Length);
        if (element.ValueKind == JsonValueKind.Object && !(IgnoresBesideReference && element.TryGetProperty("$ref", out _))
            && (element.TryGetProperty("$id", out JsonElement id) || (IgnoresBesideReference && element.TryGetProperty("id", out id)))
            && id.ValueKind == JsonValueKind.String && Uri.TryCreate(uri, id.GetString(), out Uri? named)) uri = named;
        _ids.Add(path, _places.Count);
        _places.Add(new Place(element, path, uri));
        if (element.ValueKind == JsonValueKind.Object)
        {
            string name = Normal(uri.ToString());
            _names.TryAdd(name, _places.Count - 1);
            foreach (string anchor in (string[])["$anchor", "$dynamicAnchor"])
                if (element.TryGetProperty(anchor, out JsonElement at) && at.ValueKind == JsonValueKind.String)
                    _names.TryAdd(Normal(new Uri(uri, "#" + at.GetString()).ToString()), _places.Count - 1);
        }
        else if (path == "#") _names.TryAdd(Normal(uri.ToString()), 0);
        return _places.Count - 1;
    }

    // Numbers all schemas of a document, so that what names them is known before something refers to it.
    private void Walk(Place place)
    {
        if (place.Element.ValueKind != JsonValueKind.Object) return;
        if (IgnoresBesideReference && place.Element.TryGetProperty("$ref", out _)) return;
        foreach (JsonProperty word in place.Element.EnumerateObject())
        {
            string path = place.Path + "/" + Escape(word.Name);
            if (word.Value.ValueKind == JsonValueKind.Object && s_one.Contains(word.Name)) Id(word.Value, path, place.Base);
            else if (word.Value.ValueKind == JsonValueKind.Array && s_many.Contains(word.Name))
            {
                int i = 0;
                foreach (JsonElement item in word.Value.EnumerateArray()) Id(item, $"{path}/{i++}", place.Base);
            }
            else if (word.Value.ValueKind == JsonValueKind.Object && s_named.Contains(word.Name))
                foreach (JsonProperty item in word.Value.EnumerateObject())
                    if (item.Value.ValueKind == JsonValueKind.Object) Id(item.Value, path + "/" + Escape(item.Name), place.Base);
        }
    }

    /// <summary>A name as a part of a JSON pointer.</summary>
    public static string Escape(string name) => name.Replace("~", "~0").Replace("/", "~1");

    // "#" at the end names the same.
    private static string Normal(string uri) => uri.EndsWith('#') ? uri[..^1] : uri;

    private sealed record Place(JsonElement Element, string Path, Uri Base);
}
