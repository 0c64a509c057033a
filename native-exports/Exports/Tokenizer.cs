using System.Runtime.InteropServices;
using System.Text;
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
        a.Tokens.Write(ChatRequest.Read(model, a.Messages, a.Options).Render().Encode(model.Tokenizer));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_chat_render")]
    public static int edge_llm_chat_render(
        nint model, ChatMessageData* messages, nuint messageCount, ChatOptionsData* options, byte* buffer, nuint capacity, nuint* count) =>
        Call.Model(model, (Input(messages, messageCount), Pointer(options), Output(buffer, capacity, count)), &ChatRender);

    private static void ChatRender(ModelResource model, (Input<ChatMessageData> Messages, Pointer<ChatOptionsData> Options, Output<byte> Text) a) =>
        a.Text.Write(Encoding.UTF8.GetBytes(ChatRequest.Read(model, a.Messages, a.Options).Render().Text));

    private static void CheckFlags(uint flags, uint known)
    {
        if ((flags & ~known) != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"flags 0x{flags:x}: expected bits of 0x{known:x}");
    }
}
