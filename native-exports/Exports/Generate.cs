using System.Runtime.InteropServices;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Generation: by callback, step by step, and single draws.</summary>
internal static unsafe class GenerateExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_sample")]
    public static int edge_llm_context_sample(nint context, nuint row, int sequence, SamplingOptionsData* options, int* token) =>
        Call.Context(context, (row, sequence, Pointer(options), Pointer(token)), &Sample);

    private static void Sample(ContextResource context, (nuint Row, int Sequence, Pointer<SamplingOptionsData> Options, Pointer<int> Token) a)
    {
        int* token = a.Token.Needed("token");
        *token = context.Sample(a.Row, a.Sequence, OptionReaders.Sampling(a.Options.Address, context));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_generate")]
    public static int edge_llm_context_generate(nint context, int* prompt, nuint promptCount, GenerateOptionsData* options,
        delegate* unmanaged<void*, PieceData*, int> callback, void* user) =>
        Call.Changing(context, (Input(prompt, promptCount), Pointer(options), (nint)callback, (nint)user), &Generate);

    private static void Generate(ContextResource context, (Input<int> Prompt, Pointer<GenerateOptionsData> Options, nint Callback, nint User) a)
    {
        Need((void*)a.Callback, "callback");
        using GenerationReader generation = Begin(context, a.Prompt, a.Options);
        while (generation.Finish is null)
        {
            PieceData piece = generation.Next();
            if (Callbacks.Piece((delegate* unmanaged<void*, PieceData*, int>)a.Callback, (void*)a.User, &piece) != 0) generation.Stop();
        }
        generation.ThrowIfInterrupted();
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_start")]
    public static int edge_llm_context_start(nint context, int* prompt, nuint promptCount, GenerateOptionsData* options) =>
        Call.Changing(context, (Input(prompt, promptCount), Pointer(options)), &Start);

    private static void Start(ContextResource context, (Input<int> Prompt, Pointer<GenerateOptionsData> Options) a) =>
        context.Replace(Begin(context, a.Prompt, a.Options));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_start_chat")]
    public static int edge_llm_context_start_chat(nint context, ChatMessageData* messages, nuint messageCount, ChatOptionsData* chat,
        AnswerOptionsData* answer, GenerateOptionsData* options) =>
        Call.Changing(context, (Input(messages, messageCount), Pointer(chat), Pointer(answer), Pointer(options)), &StartChat);

    private static void StartChat(ContextResource context,
        (Input<ChatMessageData> Messages, Pointer<ChatOptionsData> Chat, Pointer<AnswerOptionsData> Answer, Pointer<GenerateOptionsData> Options) a)
    {
        GenerateOptionsData data = OptionReaders.Read(a.Options);
        ChatPrompt prompt = Prepare(context, a.Messages, a.Chat, a.Answer, Options(context, data));
        context.Replace(new GenerationReader(context, data.Sequence, [.. prompt.Tokens], prompt.Options, data.Deadline) { Id = data.Id, Chat = prompt });
    }

    /// <summary>The prompt of a conversation, and what its answer may be.</summary>
    internal static ChatPrompt Prepare(ContextResource context, Input<ChatMessageData> messages, Pointer<ChatOptionsData> chat,
        Pointer<AnswerOptionsData> answerOptions, GenerateOptions options)
    {
        ChatRequest request = ChatRequest.Read(context.Model, messages, chat);
        AnswerOptions answer = OptionReaders.Answer(answerOptions.Address) with { Tools = request.Tools, Variables = request.Variables, Date = request.Date };
        return new ChatFormat(request.Template, context.Model.Tokenizer).Prepare(request.Turns, answer, options);
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_next_part")]
    public static int edge_llm_context_next_part(nint context, PartData* part) => Call.Context(context, Pointer(part), &NextPart);

    private static void NextPart(ContextResource context, Pointer<PartData> part)
    {
        Versioned.CheckedSize(part.Address);
        if (context.Generation?.Parts is not { } parts)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "there is no answer to a chat: edge_llm_context_start_chat begins one");
        Versioned.Write(part.Address, parts.Next());
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_next")]
    public static int edge_llm_context_next(nint context, PieceData* piece) => Call.Context(context, Pointer(piece), &Next);

    private static void Next(ContextResource context, Pointer<PieceData> piece)
    {
        Versioned.CheckedSize(piece.Address);
        GenerationReader generation = context.Generation
            ?? throw new EdgeLlmException(ErrorCode.InvalidArgument, "there is no generation: edge_llm_context_start begins one");
        if (piece.Address->Id != 0 && piece.Address->Id != generation.Id)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "another generation has begun in this context: it has one at a time");
        if (generation.Finish is not null) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the generation is over");
        try
        {
            Versioned.Write(piece.Address, generation.Next());
        }
        catch
        {
            context.Replace(null);
            throw;
        }
        if (generation.Finish is not null) context.Interruption.End(); // the last text stays, for the caller to read
        generation.ThrowIfInterrupted();
    }

    private static GenerationReader Begin(ContextResource context, Input<int> prompt, Pointer<GenerateOptionsData> options)
    {
        GenerateOptionsData data = OptionReaders.Read(options);
        // A null pointer goes on from what the sequence holds. A prompt without tokens does not: it would continue another request's text.
        int[]? tokens = prompt.Data is null && prompt.Count == 0 ? null : ContextExports.Tokens(context, prompt).ToArray();
        return new GenerationReader(context, data.Sequence, tokens, Options(context, data), data.Deadline) { Id = data.Id };
    }

    private static GenerateOptions Options(ContextResource context, GenerateOptionsData data)
    {
        if (data.Ready is not null) throw new EdgeLlmException(ErrorCode.InvalidArgument, "ready: expected null but in requests");
        return OptionReaders.Generate(data, context, data.Prefill is null ? null : (done, total) =>
        {
            if (Callbacks.Prefill(data.Prefill, data.PrefillUser, (nuint)done, (nuint)total) != 0) context.Interruption.Cancel();
        });
    }
}
