using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Texts to tokens and back, and conversations to prompts.</summary>
internal static unsafe class TokenizerExports
{
    private const uint AddSpecial = 1, ParseSpecial = 2, Prompt = 4, RenderSpecial = 1;

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_tokenize")]
    public static int edge_llm_tokenize(nint model, byte* text, nuint length, uint flags, int* tokens, nuint capacity, nuint* count) =>
        Call.Model(model, (Input(text, length), flags, Output(tokens, capacity, count)), &Tokenize);

    private static void Tokenize(ModelResource model, (Input<byte> Text, uint Flags, Output<int> Tokens) a)
    {
        CheckFlags(a.Flags, AddSpecial | ParseSpecial | Prompt);
        bool parseSpecial = (a.Flags & ParseSpecial) != 0;
        a.Tokens.Write((a.Flags & (AddSpecial | Prompt)) == (AddSpecial | Prompt)
            ? model.Tokenizer.EncodePrompt(Bytes(a.Text, "text"), parseSpecial)
            : model.Tokenizer.Encode(Bytes(a.Text, "text"), (a.Flags & AddSpecial) != 0, parseSpecial));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_detokenize")]
    public static int edge_llm_detokenize(nint model, int* tokens, nuint tokenCount, uint flags, byte* buffer, nuint capacity, nuint* count) =>
        Call.Model(model, (Input(tokens, tokenCount), flags, Output(buffer, capacity, count)), &Detokenize);

    private static void Detokenize(ModelResource model, (Input<int> Tokens, uint Flags, Output<byte> Text) a)
    {
        CheckFlags(a.Flags, RenderSpecial);
        a.Text.Write(Encoding.UTF8.GetBytes(model.Tokenizer.Decode(a.Tokens.Span("tokens"), a.Flags != 0)));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_token_text")]
    public static int edge_llm_token_text(nint model, int token, uint flags, byte* buffer, nuint capacity, nuint* count) =>
        Call.Model(model, (token, flags, Output(buffer, capacity, count)), &TokenText);

    private static void TokenText(ModelResource model, (int Token, uint Flags, Output<byte> Text) a)
    {
        CheckFlags(a.Flags, RenderSpecial);
        a.Text.Write(model.Tokenizer.DecodeToken(a.Token, a.Flags != 0));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_token_get_info")]
    public static int edge_llm_token_get_info(nint model, int token, TokenInfo* info) => Call.Model(model, (token, Pointer(info)), &GetInfo);

    private static void GetInfo(ModelResource model, (int Token, Pointer<TokenInfo> Info) a)
    {
        Vocabulary vocabulary = model.Tokenizer.Vocabulary;
        Versioned.Write(a.Info.Address, new TokenInfo
        {
            Type = (int)vocabulary.GetType(a.Token), Score = vocabulary.GetScore(a.Token), IsEnd = vocabulary.IsEndOfGeneration(a.Token) ? 1 : 0,
        });
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_chat_tokenize")]
    public static int edge_llm_chat_tokenize(
        nint model, ChatMessageData* messages, nuint messageCount, ChatOptionsData* options, int* tokens, nuint capacity, nuint* count) =>
        Call.Model(model, (Input(messages, messageCount), Pointer(options), Output(tokens, capacity, count)), &ChatTokenize);

    private static void ChatTokenize(ModelResource model, (Input<ChatMessageData> Messages, Pointer<ChatOptionsData> Options, Output<int> Tokens) a) =>
        a.Tokens.Write(Render(model, a.Messages, a.Options).Encode(model.Tokenizer));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_chat_render")]
    public static int edge_llm_chat_render(
        nint model, ChatMessageData* messages, nuint messageCount, ChatOptionsData* options, byte* buffer, nuint capacity, nuint* count) =>
        Call.Model(model, (Input(messages, messageCount), Pointer(options), Output(buffer, capacity, count)), &ChatRender);

    private static void ChatRender(ModelResource model, (Input<ChatMessageData> Messages, Pointer<ChatOptionsData> Options, Output<byte> Text) a) =>
        a.Text.Write(Encoding.UTF8.GetBytes(Render(model, a.Messages, a.Options).Text));

    private static void CheckFlags(uint flags, uint known)
    {
        if ((flags & ~known) != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"flags 0x{flags:x}: expected bits of 0x{known:x}");
    }

    private static RenderedPrompt Render(ModelResource model, Input<ChatMessageData> messages, Pointer<ChatOptionsData> options)
    {
        ChatOptionsData data = OptionReaders.Chat(options.Address);
        var turns = new List<ChatMessage>();
        foreach (ChatMessageData message in messages.Span("messages")) turns.Add(Turn(message));
        if (turns.Count == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "messages: expected one at least, found none");
        string? tools = OptionalText(data.Tools, data.ToolsLength, "tools");
        string? variables = OptionalText(data.Variables, data.VariablesLength, "variables");
        return Template(model, data).Render(turns, tools is null ? null : Json(tools, "tools"), Flag(data.AddGenerationPrompt, "add_generation_prompt"),
            variables is null ? null : Members(Json(variables, "variables")), data.Date == 0 ? null : Date(data.Date));
    }

    private static ChatMessage Turn(ChatMessageData message) => message.Json is not null
        ? ChatMessage.FromJson(Json(Text(message.Json, message.JsonLength, "json"), "json"))
        : new ChatMessage(Text(message.Role, message.RoleLength, "role"), Encoding.UTF8.GetString(Bytes(message.Content, message.ContentLength, "content")));

    private static ChatTemplate Template(ModelResource model, ChatOptionsData data)
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
