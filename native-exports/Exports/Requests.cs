using System.Runtime.InteropServices;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Requests: many answers in one context.</summary>
internal static unsafe class RequestExports
{
    private const int MostChoices = 1024;

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_submit")]
    public static int edge_llm_request_submit(
        nint context, int* prompt, nuint promptCount, GenerateOptionsData* options, nuint choices, nint* requests) =>
        Call.Meanwhile(context, (Input(prompt, promptCount), Pointer(options), Input(requests, choices)), &Submit);

    private static void Submit(ContextResource context, (Input<int> Prompt, Pointer<GenerateOptionsData> Options, Input<nint> Requests) a)
    {
        Span<nint> requests = Handles(a.Requests);
        GenerateOptionsData data = Read(a.Options);
        var submission = new Submission(data);
        int[] prompt = [.. ContextExports.Tokens(context, a.Prompt)];
        submission.Open(context, prompt, OptionReaders.Generate(data, context, submission.Prefill), chat: null, requests);
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_submit_chat")]
    public static int edge_llm_request_submit_chat(nint context, ChatMessageData* messages, nuint messageCount, ChatOptionsData* chat,
        AnswerOptionsData* answer, GenerateOptionsData* options, nuint choices, nint* requests) =>
        Call.Meanwhile(context, (Input(messages, messageCount), Pointer(chat), Pointer(answer), Pointer(options), Input(requests, choices)), &SubmitChat);

    private static void SubmitChat(ContextResource context, (Input<ChatMessageData> Messages, Pointer<ChatOptionsData> Chat,
        Pointer<AnswerOptionsData> Answer, Pointer<GenerateOptionsData> Options, Input<nint> Requests) a)
    {
        Span<nint> requests = Handles(a.Requests);
        GenerateOptionsData data = Read(a.Options);
        var submission = new Submission(data);
        GenerateOptions options = OptionReaders.Generate(data, context, submission.Prefill);
        ChatPrompt prompt = GenerateExports.Prepare(context, a.Messages, a.Chat, a.Answer, options);
        submission.Open(context, prompt.Tokens, prompt.Options, prompt, requests);
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_next")]
    public static int edge_llm_request_next(nint request, PieceData* piece) => Call.Poll(request, Pointer(piece), &Next);

    private static bool Next(RequestResource request, Pointer<PieceData> piece) => Next(request, piece, waits: false);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_wait")]
    public static int edge_llm_request_wait(nint request, PieceData* piece) => Call.Poll(request, Pointer(piece), &Wait);

    private static bool Wait(RequestResource request, Pointer<PieceData> piece) => Next(request, piece, waits: true);

    private static bool Next(RequestResource request, Pointer<PieceData> destination, bool waits)
    {
        Versioned.CheckedSize(destination.Address);
        if (!request.TryRead(waits, out PieceData piece)) return false;
        Versioned.Write(destination.Address, piece);
        return (FinishReason)piece.Finish switch
        {
            FinishReason.Cancelled => throw new EdgeLlmException(ErrorCode.Cancelled, "cancelled by the caller"),
            FinishReason.Deadline => throw new EdgeLlmException(ErrorCode.DeadlineExceeded, "the deadline passed"),
            _ => true,
        };
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_next_part")]
    public static int edge_llm_request_next_part(nint request, PartData* part) => Call.Request(request, Pointer(part), &NextPart);

    private static void NextPart(RequestResource request, Pointer<PartData> part)
    {
        Versioned.CheckedSize(part.Address);
        Versioned.Write(part.Address, request.NextPart());
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_get_statistics")]
    public static int edge_llm_request_get_statistics(nint request, RequestStatistics* statistics) =>
        Call.Request(request, Pointer(statistics), &GetStatistics);

    private static void GetStatistics(RequestResource request, Pointer<RequestStatistics> statistics) =>
        Versioned.Write(statistics.Address, request.Statistics());

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_cancel")]
    public static int edge_llm_request_cancel(nint request) => Call.Request(request, 0, &Cancel);

    private static void Cancel(RequestResource request, int unused) => request.Cancel();

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_request_close")]
    public static int edge_llm_request_close(nint request) => Call.Library(request, &Close);

    private static void Close(nint request)
    {
        using Use<RequestResource> use = HandleTable.Instance.Close<RequestResource>(request);
        use.Resource.Close();
    }

    private static Span<nint> Handles(Input<nint> requests)
    {
        if (requests.Count is < 1 or > MostChoices)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"choices: expected 1 to {MostChoices}, found {requests.Count}");
        Need(requests.Data, "requests");
        return new Span<nint>(requests.Data, (int)requests.Count);
    }

    private static GenerateOptionsData Read(Pointer<GenerateOptionsData> options)
    {
        GenerateOptionsData data = OptionReaders.Read(options);
        return data.Sequence == 0 ? data
            : throw new EdgeLlmException(ErrorCode.InvalidArgument, $"sequence: expected 0, for a request has one of its own, found {data.Sequence}");
    }
}
