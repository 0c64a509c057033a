using System.Text;
using System.Text.Json;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>A conversation as callers give it.</summary>
internal sealed unsafe record ChatRequest(ChatTemplate Template, List<ChatMessage> Turns, JsonElement? Tools, bool AddGenerationPrompt,
    Dictionary<string, JsonElement>? Variables, DateTime? Date)
{
    /// <exception cref="EdgeLlmException">InvalidArgument, Unsupported.</exception>
    public static ChatRequest Read(ModelResource model, Input<ChatMessageData> messages, Pointer<ChatOptionsData> options)
    {
        ChatOptionsData data = OptionReaders.Chat(options.Address);
        var turns = new List<ChatMessage>();
        foreach (ChatMessageData message in messages.Span("messages")) turns.Add(Turn(message));
        if (turns.Count == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "messages: expected one at least, found none");
        string? tools = OptionalText(data.Tools, data.ToolsLength, "tools");
        string? variables = OptionalText(data.Variables, data.VariablesLength, "variables");
        return new ChatRequest(TemplateOf(model, data), turns, tools is null ? null : Json(tools, "tools"), Flag(data.AddGenerationPrompt, "add_generation_prompt"),
            variables is null ? null : Members(Json(variables, "variables")), data.Date == 0 ? null : DateOf(data.Date));
    }

    /// <summary>The prompt.</summary>
    public RenderedPrompt Render() => Template.Render(Turns, Tools, AddGenerationPrompt, Variables, Date);

    private static ChatMessage Turn(ChatMessageData message) => message.Json is not null
        ? ChatMessage.FromJson(Json(Text(message.Json, message.JsonLength, "json"), "json"))
        : new ChatMessage(Text(message.Role, message.RoleLength, "role"), Encoding.UTF8.GetString(Bytes(message.Content, message.ContentLength, "content")));

    private static ChatTemplate TemplateOf(ModelResource model, ChatOptionsData data)
    {
        if (OptionalText(data.ChatTemplate, data.ChatTemplateLength, "chat_template") is { } source)
            return ChatTemplate.Parse(source, model.Tokenizer.Vocabulary);
        model.Model.File.CheckUnchanged();
        return OptionalText(data.TemplateName, data.TemplateNameLength, "template_name") is { } name
            ? ChatTemplate.FromGguf(model.Model.File.Metadata, model.Tokenizer.Vocabulary, name) : model.Template;
    }

    private static JsonElement Json(string text, string what)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{what}: not valid JSON", e);
        }
    }

    private static Dictionary<string, JsonElement> Members(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) throw new EdgeLlmException(ErrorCode.InvalidArgument, "variables: expected a JSON object");
        var members = new Dictionary<string, JsonElement>();
        try
        {
            foreach (JsonProperty member in json.EnumerateObject()) members[member.Name] = member.Value;
        }
        catch (InvalidOperationException e)
        {
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "variables: a name that is not valid Unicode", e);
        }
        return members;
    }

    private static DateTime DateOf(long seconds)
    {
        try
        {
            return DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime;
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"date: {seconds} seconds are out of range");
        }
    }
}
