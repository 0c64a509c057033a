using System.Text.Json;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>What stands first in each reply and each event of it.</summary>
internal sealed class ReplyHead(string id, string kind, string model)
{
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public void Write(Utf8JsonWriter json)
    {
        json.WriteString("id", id);
        json.WriteString("object", kind);
        json.WriteNumber("created", _created);
        json.WriteString("model", model);
        json.WriteString("system_fingerprint", Fingerprint);
    }

    /// <summary>Writes the event of a stream that tells what it took.</summary>
    public void WriteUsage(Utf8JsonWriter json, Usage usage, GenerationStatistics first)
    {
        json.WriteStartObject();
        Write(json);
        json.WriteStartArray("choices");
        json.WriteEndArray();
        usage.Write(json);
        Usage.WriteTimings(json, first);
        json.WriteEndObject();
    }

    // Equal fingerprints: the same tokens follow from the same request and seed.
    private static readonly string Fingerprint = $"edge-llm-{EngineVersion.Text}";
}
