using System.Text.Json;

namespace Edge.Llm.Cli.Chat;

/// <summary>Calls that wait for what their tools return: the next messages are that, one for each call in order.</summary>
internal static class ToolCalls
{
    /// <summary>The ids of the calls of the last answer that have no result yet.</summary>
    public static IReadOnlyList<string> Pending(IReadOnlyList<ChatMessage> messages)
    {
        int results = 0;
        while (results < messages.Count && messages[messages.Count - 1 - results].Role == "tool") results++;
        if (results == messages.Count) return [];
        JsonElement calls = messages[messages.Count - 1 - results].Members.FirstOrDefault(member => member.Key == "tool_calls").Value;
        return calls.ValueKind != JsonValueKind.Array ? [] : [.. calls.EnumerateArray().Skip(results).Select(IdOf)];
    }

    /// <summary>Takes a message as the result of the first call that waits; false if none does.</summary>
    public static bool TryAddResult(Conversation conversation, string message)
    {
        if (Pending(conversation.Messages) is not [string id, ..]) return false;
        conversation.Add(ChatMessage.OfTool(id, message));
        return true;
    }

    private static string IdOf(JsonElement call) =>
        call.ValueKind == JsonValueKind.Object && call.TryGetProperty("id", out JsonElement id) && id.ValueKind == JsonValueKind.String ? id.GetString()! : "";
}
