using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Edge.Llm.Native;

/// <summary>Texts to tokens and back, and conversations to prompts.</summary>
internal static unsafe class TokenizerExports
{
    private const uint AddSpecial = 1, ParseSpecial = 2, RenderSpecial = 1;

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_tokenize")]
    public static int edge_llm_tokenize(nint model, byte* text, nuint length, uint flags, int* tokens, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            CheckFlags(flags, AddSpecial | ParseSpecial);
            int[] ids = use.Resource.Tokenizer.Encode(Pointers.Bytes(text, length, "text"), (flags & AddSpecial) != 0, (flags & ParseSpecial) != 0);
            Pointers.Return(ids, tokens, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_detokenize")]
    public static int edge_llm_detokenize(nint model, int* tokens, nuint tokenCount, uint flags, byte* buffer, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            CheckFlags(flags, RenderSpecial);
            string text = use.Resource.Tokenizer.Decode(Pointers.Array(tokens, tokenCount, "tokens"), flags != 0);
            Pointers.Return(Encoding.UTF8.GetBytes(text), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_token_text")]
    public static int edge_llm_token_text(nint model, int token, uint flags, byte* buffer, nuint capacity, nuint* count)
    {
        try
        {
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            CheckFlags(flags, RenderSpecial);
            Pointers.Return(use.Resource.Tokenizer.DecodeToken(token, flags != 0), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_token_get_info")]
    public static int edge_llm_token_get_info(nint model, int token, TokenInfo* info)
    {
        try
        {
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            Vocabulary vocabulary = use.Resource.Tokenizer.Vocabulary;
            Versioned.Write(info, new TokenInfo
            {
                Type = (int)vocabulary.GetType(token), Score = vocabulary.GetScore(token), IsEnd = vocabulary.IsEndOfGeneration(token) ? 1 : 0,
            });
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_chat_tokenize")]
    public static int edge_llm_chat_tokenize(
        nint model, ChatMessageData* messages, nuint messageCount, ChatOptionsData* options, int* tokens, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            int[] ids = Render(use.Resource, messages, messageCount, options).Encode(use.Resource.Tokenizer);
            Pointers.Return(ids, tokens, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_chat_render")]
    public static int edge_llm_chat_render(
        nint model, ChatMessageData* messages, nuint messageCount, ChatOptionsData* options, byte* buffer, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            Pointers.Return(Encoding.UTF8.GetBytes(Render(use.Resource, messages, messageCount, options).Text), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    private static void CheckFlags(uint flags, uint known)
    {
        if ((flags & ~known) != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"flags 0x{flags:x}: expected bits of 0x{known:x}");
    }

    private static RenderedPrompt Render(ModelResource model, ChatMessageData* messages, nuint messageCount, ChatOptionsData* options)
    {
        ChatOptionsData data = OptionReaders.Chat(options);
        var turns = new List<ChatMessage>();
        foreach (ChatMessageData message in Pointers.Array(messages, messageCount, "messages")) turns.Add(Turn(message));
        string? tools = Pointers.OptionalText(data.Tools, data.ToolsLength, "tools");
        string? variables = Pointers.OptionalText(data.Variables, data.VariablesLength, "variables");
        return Template(model, data).Render(turns, tools is null ? null : Json(tools, "tools"), Pointers.Flag(data.AddGenerationPrompt, "add_generation_prompt"),
            variables is null ? null : Members(Json(variables, "variables")), data.Date == 0 ? null : Date(data.Date));
    }

    private static ChatMessage Turn(ChatMessageData message) => message.Json is not null
        ? ChatMessage.FromJson(Json(Pointers.Text(message.Json, message.JsonLength, "json"), "json"))
        : new ChatMessage(Pointers.Text(message.Role, message.RoleLength, "role"), Encoding.UTF8.GetString(Pointers.Bytes(message.Content, message.ContentLength, "content")));

    private static ChatTemplate Template(ModelResource model, ChatOptionsData data)
    {
        if (Pointers.OptionalText(data.ChatTemplate, data.ChatTemplateLength, "chat_template") is { } source)
            return ChatTemplate.Parse(source, model.Tokenizer.Vocabulary);
        model.Model.File.CheckUnchanged();
        return Pointers.OptionalText(data.TemplateName, data.TemplateNameLength, "template_name") is { } name
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

    private static DateTime Date(long seconds)
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
