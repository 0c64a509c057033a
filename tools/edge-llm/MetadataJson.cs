using System.Text.Json;

namespace Edge.Llm.Cli;

/// <summary>Metadata of a file as JSON.</summary>
internal static class MetadataJson
{
    /// <summary>Writes a value, arrays in full.</summary>
    public static void Write(Utf8JsonWriter json, GgufValue value)
    {
        if (value.TryGetArray(out GgufArray array))
        {
            json.WriteStartArray();
            foreach (GgufValue element in array) Write(json, element);
            json.WriteEndArray();
        }
        else if (value.TryGetBool(out bool flag)) json.WriteBooleanValue(flag);
        else if (value.TryGetString(out string text)) json.WriteStringValue(text);
        else if (value.TryGetInteger(out _)) json.WriteRawValue(value.ToString());
        else if (value.TryGetNumber(out double number) && double.IsFinite(number)) json.WriteRawValue(value.ToString()); // as short as its width allows
        else json.WriteStringValue(value.ToString()); // JSON has no infinities
    }
}
