using System.Text.Json;

namespace Edge.Llm;

/// <summary>A turn of a conversation, as chat templates see it: a role, a content, and members like <c>tool_calls</c>. Immutable.</summary>
public sealed class ChatMessage
{
    private readonly KeyValuePair<string, JsonElement>[] _members;

    /// <summary>A turn of plain text.</summary>
    /// <param name="role">system, user, assistant, tool, or what else the template knows.</param>
    /// <param name="content">The text; null for an assistant's turn that only calls tools.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: the role is empty.</exception>
    public ChatMessage(string role, string? content) : this(role, content, hasText: true, [])
    {
    }

    private ChatMessage(string role, string? content, bool hasText, KeyValuePair<string, JsonElement>[] members)
    {
        ArgumentNullException.ThrowIfNull(role);
        if (role.Length == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "a chat message: expected a role, found an empty text");
        Role = role;
        Content = content;
        HasTextContent = hasText;
        _members = members;
    }

    /// <summary>Who speaks.</summary>
    public string Role { get; }

    /// <summary>The text, or null: there is none, or it is a list of parts.</summary>
    public string? Content { get; }

    /// <summary>The other members, in order.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonElement>> Members => _members;

    /// <summary>Whether <see cref="Content"/> is the message's content, and not a member or absent.</summary>
    internal bool HasTextContent { get; }

    /// <summary>A message with one more member: <c>tool_calls</c>, <c>tool_call_id</c>, <c>name</c>, <c>reasoning_content</c>.</summary>
    public ChatMessage With(string name, JsonElement value) => new(Role, Content, HasTextContent, [.. _members, new(name, value.Clone())]);

    /// <summary>What a tool returned.</summary>
    /// <param name="callId">The id of the call.</param>
    /// <param name="content">What it returned.</param>
    public static ChatMessage OfTool(string callId, string content)
    {
        ArgumentNullException.ThrowIfNull(callId);
        ArgumentNullException.ThrowIfNull(content);
        using JsonDocument id = JsonDocument.Parse($"\"{JsonEncodedText.Encode(callId)}\"");
        return new ChatMessage("tool", content).With("tool_call_id", id.RootElement);
    }

    /// <summary>A message from the JSON of a chat request: <c>{"role": "user", "content": "..."}</c>. Every member reaches the template.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: not an object with a role and more, or text that is not valid Unicode.</exception>
    public static ChatMessage FromJson(JsonElement message)
    {
        try
        {
            return Read(message);
        }
        catch (InvalidOperationException error)
        {
            throw NotUnicode(error);
        }
    }

    /// <summary>The error for JSON that escapes half a surrogate pair: it is well-formed, but not text.</summary>
    internal static EdgeLlmException NotUnicode(InvalidOperationException error) =>
        new(ErrorCode.InvalidArgument, "a chat request's JSON: a string that is not valid Unicode", error);

    private static ChatMessage Read(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role", out JsonElement role) || role.ValueKind != JsonValueKind.String)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "a chat message: expected an object with a string \"role\"");
        bool hasContent = message.TryGetProperty("content", out JsonElement content);
        bool hasText = hasContent && content.ValueKind is JsonValueKind.String or JsonValueKind.Null;
        var members = new List<KeyValuePair<string, JsonElement>>();
        foreach (JsonProperty member in message.EnumerateObject())
            if (member.Name != "role" && !(hasText && member.Name == "content")) members.Add(new(member.Name, member.Value.Clone()));
        if (members.Count == 0 && (!hasText || content.ValueKind == JsonValueKind.Null))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "a chat message: expected a content, found a role alone");
        return new ChatMessage(role.GetString()!, hasText ? content.GetString() : null, hasText, [.. members]);
    }
}
