using System.Text;
using System.Text.Json;
using Edge.Llm.Answers;

namespace Edge.Llm;

/// <summary>An answer put together from its pieces.</summary>
public sealed class ChatAnswer
{
    private readonly StringBuilder _content = new(), _reasoning = new(), _arguments = new();
    private readonly List<ToolCall> _calls = [];
    private AnswerDelta _call; // that is under way

    /// <summary>The text for the user. A call that broke off stands in it as the model wrote it.</summary>
    public string Content => _content.ToString();

    /// <summary>What the model wrote to itself.</summary>
    public string Reasoning => _reasoning.ToString();

    /// <summary>The calls that are complete.</summary>
    public IReadOnlyList<ToolCall> Calls => _calls;

    /// <summary>Whether there is nothing yet.</summary>
    public bool IsEmpty => _content.Length == 0 && _reasoning.Length == 0 && _calls.Count == 0 && _call.Name is null;

    /// <summary>Adds pieces.</summary>
    public void Add(IEnumerable<AnswerDelta> deltas)
    {
        ArgumentNullException.ThrowIfNull(deltas);
        foreach (AnswerDelta delta in deltas)
            switch (delta.Part)
            {
                case AnswerPart.Content: _content.Append(delta.Text); break;
                case AnswerPart.Reasoning: _reasoning.Append(delta.Text); break;
                case AnswerPart.CallBegin: _call = delta; break;
                case AnswerPart.Arguments: _arguments.Append(delta.Text); break;
                case AnswerPart.CallEnd:
                    _calls.Add(new ToolCall(_call.Id!, _call.Name!, _arguments.ToString()));
                    EndCall();
                    break;
                case AnswerPart.CallBroken:
                    _content.Append(delta.Text);
                    EndCall();
                    break;
            }
    }

    /// <summary>The assistant's message: content, <c>reasoning_content</c> and <c>tool_calls</c>.</summary>
    public ChatMessage ToMessage()
    {
        var message = new ChatMessage("assistant", Content);
        if (_reasoning.Length > 0) message = message.With("reasoning_content", JsonElement.Parse(AnswerJson.Quoted(Reasoning)));
        return _calls.Count == 0 ? message : message.With("tool_calls", CallsJson(_calls));
    }

    /// <summary>Calls as a chat request has them.</summary>
    public static JsonElement CallsJson(IEnumerable<ToolCall> calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        using var written = new MemoryStream();
        using (var writer = new Utf8JsonWriter(written))
        {
            writer.WriteStartArray();
            foreach (ToolCall call in calls)
            {
                writer.WriteStartObject();
                writer.WriteString("id"u8, call.Id);
                writer.WriteString("type"u8, "function"u8);
                writer.WriteStartObject("function"u8);
                writer.WriteString("name"u8, call.Name);
                writer.WriteString("arguments"u8, call.Arguments);
                writer.WriteEndObject();
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        using JsonDocument document = JsonDocument.Parse(written.GetBuffer().AsMemory(0, (int)written.Length));
        return document.RootElement.Clone();
    }

    private void EndCall()
    {
        _arguments.Clear();
        _call = default;
    }
}
