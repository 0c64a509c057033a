using System.Text.Json;

namespace Edge.Llm.Cli.Chat;

/// <summary>Messages as JSON: an array of objects with role and content, as the OpenAI API has them.</summary>
internal static class ChatFile
{
    public static void Save(string path, IEnumerable<ChatMessage> messages) => AtomicFile.Write(path, file => Write(messages, file));

    private static void Write(IEnumerable<ChatMessage> messages, Stream file)
    {
        using var json = new Utf8JsonWriter(file, Json.Indented);
        json.WriteStartArray();
        foreach (ChatMessage message in messages)
        {
            json.WriteStartObject();
            json.WriteString("role", message.Role);
            if (message.Content is not null || !message.Members.Any(member => member.Key == "content")) json.WriteString("content", message.Content);
            foreach ((string name, JsonElement value) in message.Members)
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.Flush();
        file.WriteByte((byte)'\n');
    }

    /// <summary>Reads such an array, or an object that has it as its "messages".</summary>
    /// <exception cref="UsageException">The file cannot be read, or holds something else.</exception>
    public static List<ChatMessage> Load(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(Input.ReadFile(path));
            JsonElement array = document.RootElement;
            if (array.ValueKind == JsonValueKind.Object && array.TryGetProperty("messages", out JsonElement inner)) array = inner;
            if (array.ValueKind != JsonValueKind.Array) throw Wrong(path, $"expected an array of messages, found {array.ValueKind}");
            return [.. array.EnumerateArray().Select(ChatMessage.FromJson)];
        }
        catch (Exception e) when (e is JsonException or EdgeLlmException)
        {
            throw Wrong(path, e.Message);
        }
    }

    private static UsageException Wrong(string path, string what) => new($"{path}: {what}");
}
