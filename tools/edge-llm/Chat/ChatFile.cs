using System.Text.Json;

namespace Edge.Llm.Cli.Chat;

/// <summary>Messages as JSON: an array of objects with role and content, as the OpenAI API has them.</summary>
internal static class ChatFile
{
    public static void Save(string path, IEnumerable<ChatMessage> messages)
    {
        using FileStream file = Input.CreateFile(path);
        using var json = new Utf8JsonWriter(file, Json.Indented);
        json.WriteStartArray();
        foreach (ChatMessage message in messages)
        {
            json.WriteStartObject();
            json.WriteString("role", message.Role);
            json.WriteString("content", message.Content);
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
            var messages = new List<ChatMessage>();
            foreach (JsonElement message in array.EnumerateArray())
                messages.Add(new ChatMessage(Text(path, message, messages.Count, "role"), Text(path, message, messages.Count, "content")));
            return messages;
        }
        catch (JsonException e)
        {
            throw Wrong(path, e.Message);
        }
    }

    private static string Text(string path, JsonElement message, int index, string name) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()! : throw Wrong(path, $"message {index}: expected a text \"{name}\"");

    private static UsageException Wrong(string path, string what) => new($"{path}: {what}");
}
