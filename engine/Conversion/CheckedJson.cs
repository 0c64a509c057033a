using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Edge.Llm.Memory;

namespace Edge.Llm.Conversion;

/// <summary>An object of a JSON file that nobody has checked yet: getters say what they expected and what they found. A null counts as
/// absent.</summary>
internal readonly struct CheckedJson
{
    private const long MaxBytes = 512 << 20;

    /// <summary>Of a key given twice each reader takes another one.</summary>
    private static readonly JsonDocumentOptions s_options = new() { AllowDuplicateProperties = false };

    private readonly string _where; // the file, and the way to the object

    /// <summary>The element must be an object.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, from here and all getters.</exception>
    public CheckedJson(string where, JsonElement element)
    {
        _where = where;
        if (element.ValueKind != JsonValueKind.Object) throw Invalid($"expected an object, found {Kind(element)}");
        Element = element;
    }

    /// <summary>The object itself.</summary>
    public JsonElement Element { get; }

    /// <summary>The file, and the way to the object in it.</summary>
    public string Where => _where;

    /// <summary>The object with further members where it has none of their names.</summary>
    /// <param name="defaults">A JSON object.</param>
    public CheckedJson WithDefaults(string defaults)
    {
        using JsonDocument further = JsonDocument.Parse(defaults);
        JsonElement element = Element;
        string absent = string.Concat(further.RootElement.EnumerateObject()
            .Where(member => !element.TryGetProperty(member.Name, out _)).Select(member => $"\"{member.Name}\":{member.Value.GetRawText()},"));
        return absent.Length == 0 ? this : Parse(_where, (byte[])[(byte)'{', .. Encoding.UTF8.GetBytes(absent), .. JsonMarshal.GetRawUtf8Value(element)[1..]]);
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static CheckedJson Load(string path) => new(path, LoadElement(path));

    /// <summary>Reads a file that holds an array of objects; none where there is no file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static IEnumerable<CheckedJson> LoadArrayIfThere(string path)
    {
        if (!File.Exists(path)) return [];
        JsonElement array = LoadElement(path);
        return array.ValueKind == JsonValueKind.Array ? array.EnumerateArray().Select(element => new CheckedJson(path, element))
            : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: expected an array, found {Kind(array)}");
    }

    /// <summary>Reads a file if it is there.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static CheckedJson? LoadIfThere(string path) => File.Exists(path) ? Load(path) : null;

    /// <summary>Reads UTF-8.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static CheckedJson Parse(string where, ReadOnlyMemory<byte> utf8) => new(where, ParseElement(where, utf8));

    private static unsafe JsonElement LoadElement(string path)
    {
        using MappedFile file = MappedFile.Open(path, map: false);
        if (file.Length > MaxBytes)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: {file.Length} bytes, expected at most {MaxBytes}");
        return ParseElement(path, new ReadOnlySpan<byte>(file.Data, (int)file.Length).ToArray());
    }

    private static JsonElement ParseElement(string where, ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, s_options);
            return document.RootElement.Clone();
        }
        catch (InvalidOperationException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{where}: a name that is not valid Unicode");
        }
        catch (JsonException e)
        {
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{where}: not valid JSON: {e.Message}");
        }
    }

    /// <summary>Looks a key up.</summary>
    public bool TryGet(string key, out JsonElement value) =>
        Element.TryGetProperty(key, out value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined);

    /// <summary>An integer from min to max; without a fallback the key must be there.</summary>
    public int Int(string key, int min, int max, int? fallback = null)
    {
        if (!TryGet(key, out JsonElement value)) return fallback ?? throw Invalid($"missing key {key}");
        double number = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double read) ? read : double.NaN;
        return number == Math.Floor(number) && number >= min && number <= max
            ? (int)number : throw Wrong(key, $"an integer from {min} to {max}", value);
    }

    /// <summary>The integers of a key that holds one or an array of them; none where there is no such key.</summary>
    public int[] Ints(string key)
    {
        if (!TryGet(key, out JsonElement value)) return [];
        CheckedJson json = this;
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(One)] : [One(value)];

        int One(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int read)
            ? read : throw json.Wrong(key, "an integer or an array of integers", element);
    }

    /// <summary>A finite number above 0, in the range of float.</summary>
    public double Positive(string key, double? fallback = null)
    {
        if (!TryGet(key, out JsonElement value)) return fallback ?? throw Invalid($"missing key {key}");
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > 0 && number <= float.MaxValue
            ? number : throw Wrong(key, "a number above 0", value);
    }

    /// <summary>The numbers of an array, each finite, above 0 and in the range of float; none where there is no such key.</summary>
    public double[] Positives(string key)
    {
        CheckedJson json = this;
        return [.. Array(key).Select(element => element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double number)
            && number > 0 && number <= float.MaxValue ? number : throw json.Wrong(key, "numbers above 0", element))];
    }

    /// <summary>A string, or null where there is none.</summary>
    public string? Text(string key) => TryGet(key, out JsonElement value) ? Text(key, value) : null;

    /// <summary>A bool, or null where there is none.</summary>
    public bool? Flag(string key)
    {
        if (!TryGet(key, out JsonElement value)) return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, "true or false", value);
    }

    /// <summary>An object, or null where there is none.</summary>
    public CheckedJson? Object(string key) => TryGet(key, out JsonElement value) ? new CheckedJson($"{_where}: {key}", value) : null;

    /// <summary>The elements of an array; none where there is no such key.</summary>
    public IEnumerable<JsonElement> Array(string key)
    {
        if (!TryGet(key, out JsonElement value)) return [];
        return value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(key, "an array", value);
    }

    /// <summary>An element of an array of this object, as an object.</summary>
    public CheckedJson Item(string key, JsonElement element) => new($"{_where}: {key}", element);

    /// <summary>A string that an element of this object must be.</summary>
    public string Text(string key, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String) throw Wrong(key, "a string", element);
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Invalid($"{key}: a string that is not valid Unicode");
        }
    }

    /// <summary>The names of an object's members; each name must be valid Unicode.</summary>
    public string Name(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw Invalid("a name that is not valid Unicode");
        }
    }

    /// <summary>An error about this object.</summary>
    public EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidFile, $"{_where}: {message}");

    /// <summary>An error about what is well-formed but not done here.</summary>
    public EdgeLlmException Unsupported(string message) => new(ErrorCode.Unsupported, $"{_where}: {message}");

    /// <summary>What an element is, for a message.</summary>
    public static string Kind(JsonElement element)
    {
        const int Shown = 60;
        if (element.ValueKind is JsonValueKind.Object) return "an object";
        if (element.ValueKind is JsonValueKind.Array) return "an array";
        string text = Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(element)); // also of what is not valid UTF-8
        return text.Length > Shown ? text[..Shown] + "..." : text;
    }

    private EdgeLlmException Wrong(string key, string expected, JsonElement found) => Invalid($"{key}: expected {expected}, found {Kind(found)}");
}
