using System.Text.Json;

namespace Edge.Llm.Cli.Models;

/// <summary>Models of the folder for programs.</summary>
internal static class ModelJson
{
    /// <summary>What is known of a model without opening it, into the object that is begun.</summary>
    public static void Write(Utf8JsonWriter json, StoredModel model)
    {
        json.WriteString("name", model.Name);
        json.WriteString("path", model.Path);
        json.WriteNumber("bytes", model.Bytes);
        if (model.Record is not { } record)
        {
            json.WriteNull("source");
            json.WriteNull("date");
            return;
        }
        json.WriteString("source", record.Source);
        json.WriteString("date", record.Date);
        json.WriteStartArray("sha256");
        foreach (PulledFile file in record.Files) json.WriteStringValue(file.Sha256);
        json.WriteEndArray();
    }
}
