using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Cli.Models;

/// <summary>A pulled file: its name, size and hash, and the version that a server gave it where no hash was known before.</summary>
internal sealed record PulledFile(string Name, long Size, string Sha256, string? Version);

/// <summary>Where a model came from: a small JSON file beside it. Of a URL's query it has a hash.</summary>
internal sealed record ModelRecord(string Source, string? Query, DateTime Date, IReadOnlyList<PulledFile> Files)
{
    /// <summary>Reads a record; null where there is none that can be read. A model without one is a model all the same.</summary>
    public static ModelRecord? Read(string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = json.RootElement;
            PulledFile[] files =
            [
                .. root.GetProperty("files").EnumerateArray().Select(file => new PulledFile(file.GetProperty("name").GetString()!,
                    file.GetProperty("size").GetInt64(), file.GetProperty("sha256").GetString()!,
                    file.TryGetProperty("version", out JsonElement version) ? version.GetString() : null)),
            ];
            string? query = root.TryGetProperty("query", out JsonElement hash) ? hash.GetString() : null;
            return new ModelRecord(root.GetProperty("source").GetString()!, query, root.GetProperty("date").GetDateTime(), files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException
            or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Writes the record, whole or not at all.</summary>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, Json.Indented);
        json.WriteStartObject();
        json.WriteString("source", Source);
        if (Query is not null) json.WriteString("query", Query);
        json.WriteString("date", Date.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
        json.WriteStartArray("files");
        foreach (PulledFile file in Files)
        {
            json.WriteStartObject();
            json.WriteString("name", file.Name);
            json.WriteNumber("size", file.Size);
            json.WriteString("sha256", file.Sha256);
            if (file.Version is { } version) json.WriteString("version", version);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
