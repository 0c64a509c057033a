using System.Text.Json;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Reads the messages of /api/chat. Its calls have objects for arguments, and need no ids: those that templates want are made here.</summary>
internal sealed class OllamaMessages
{
    private readonly List<(string Id, string Name)> _open = []; // calls that no tool has answered yet
    private int _calls;

    private OllamaMessages()
    {
    }

    public static List<ChatMessage> Read(Field messages)
    {
        var reader = new OllamaMessages();
        return [.. messages.Items(Limits.Messages).Select(reader.Message)];
    }

    /// <summary>Refuses images by name.</summary>
    public static void RefuseImages(Field holder)
    {
        if (holder["images"] is { } images && images.Items(Limits.Messages).Length > 0) throw images.Error("images are not supported: this server reads text");
    }

    private ChatMessage Message(Field message)
    {
        string role = message.Require("role").OneOf("system", "user", "assistant", "tool");
        RefuseImages(message);
        var turn = new ChatMessage(role, message["content"]?.Text() ?? "");
        if (message["thinking"] is { } thinking && thinking.Text().Length > 0) turn = turn.With("reasoning_content", thinking.Json);
        if (message["tool_calls"] is { } calls && Calls(calls) is { Count: > 0 } list) turn = turn.With("tool_calls", ChatAnswer.CallsJson(list));
        return role == "tool" ? WithCall(turn, message) : turn;
    }

    private List<ToolCall> Calls(Field calls)
    {
        var list = new List<ToolCall>();
        foreach (Field call in calls.Items(Limits.Tools))
        {
            Field function = call.Require("function");
            string name = function.Require("name").Text();
            string id = call["id"]?.Text() is { Length: > 0 } given ? given : $"call{_calls:d5}"; // Mistral's have nine characters
            _calls++;
            _open.Add((id, name));
            list.Add(new ToolCall(id, name, function["arguments"] is { } arguments ? arguments.IsObject ? arguments.Json.GetRawText() : throw arguments.Wrong("an object") : "{}"));
        }
        return list;
    }

    // The call that a tool answers: that of its id, or the first one of its name, or the first one.
    private ChatMessage WithCall(ChatMessage turn, Field message)
    {
        string? id = message["tool_call_id"]?.Text(), name = message["tool_name"]?.Text();
        int at = id is { Length: > 0 } ? _open.FindIndex(call => call.Id == id) : name is null ? Math.Min(0, _open.Count - 1) : _open.FindIndex(call => call.Name == name);
        if (at >= 0)
        {
            (id, name) = (_open[at].Id, name ?? _open[at].Name);
            _open.RemoveAt(at);
        }
        if (name is not null) turn = turn.With("name", Text(name));
        return string.IsNullOrEmpty(id) ? turn : turn.With("tool_call_id", Text(id));
    }

    private static JsonElement Text(string text) => JsonElement.Parse(Reply.Bytes(json => json.WriteStringValue(text)).Span);
}
