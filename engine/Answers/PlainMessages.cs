using System.Text;
using System.Text.Json;

namespace Edge.Llm.Answers;

/// <summary>Messages for templates that know nothing of calls: calls and what tools answered become text, and the system's message describes the
/// tools.</summary>
internal static class PlainMessages
{
    private const string Instructions =
        "You have access to tools. To call one, answer with its name and its arguments like this, and with nothing else:\n"
        + "<tool_call>\n{\"name\": \"NAME\", \"arguments\": {\"ARGUMENT\": VALUE}}\n</tool_call>\n"
        + "What the tool returns is given to you next. These are the tools, each with a JSON Schema of its arguments:";

    /// <summary>The messages without members that only a template of tools would read.</summary>
    public static IReadOnlyList<ChatMessage> Of(IReadOnlyList<ChatMessage> messages, ToolStyle style)
    {
        if (!messages.Any(message => message.Role == "tool" || Calls(message).Any())) return messages;
        var plain = new List<ChatMessage>();
        foreach (ChatMessage message in messages)
            if (message.Role == "tool" && style == ToolStyles.Hermes) plain.Add(new ChatMessage("user", $"<tool_response>\n{message.Content}\n</tool_response>"));
            else if (Calls(message).Any()) plain.Add(new ChatMessage(message.Role, Text(message, style)));
            else plain.Add(message);
        return plain;
    }

    /// <summary>The messages with a description of the tools in the system's.</summary>
    public static IReadOnlyList<ChatMessage> WithTools(IReadOnlyList<ChatMessage> messages, ToolSet tools)
    {
        string text = Instructions + string.Concat(tools.Json.EnumerateArray().Select(tool => "\n" + tool.GetRawText()));
        bool hasSystem = messages.Count > 0 && messages[0] is { Role: "system", Content: not null };
        return hasSystem ? [new ChatMessage("system", messages[0].Content + "\n\n" + text), .. messages.Skip(1)] : [new ChatMessage("system", text), .. messages];
    }

    private static IEnumerable<JsonElement> Calls(ChatMessage message) =>
        message.Members.Where(member => member.Key == "tool_calls" && member.Value.ValueKind == JsonValueKind.Array).SelectMany(member => member.Value.EnumerateArray());

    private static string Text(ChatMessage message, ToolStyle style)
    {
        var text = new StringBuilder(message.Content);
        if (text.Length > 0) text.Append('\n');
        string open = style.First[0];
        foreach (JsonElement call in Calls(message))
        {
            JsonElement function = call.ValueKind == JsonValueKind.Object && call.TryGetProperty("function", out JsonElement inner) ? inner : call;
            if (function.ValueKind != JsonValueKind.Object || !function.TryGetProperty("name", out JsonElement name) || name.ValueKind != JsonValueKind.String) continue;
            string arguments = !function.TryGetProperty("arguments", out JsonElement given) ? "{}"
                : given.ValueKind == JsonValueKind.String ? given.GetString()! : given.GetRawText();
            text.Append(open).Append(name.GetString()).Append(style.Middle[0]).Append(arguments).Append(style.Close[0]);
            open = style.Next is [string next, ..] ? next : style.First[0];
        }
        return text.Append(style.End).ToString().Replace(Marker.OptionalSpace.ToString(), "", StringComparison.Ordinal);
    }
}
