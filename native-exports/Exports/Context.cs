using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Contexts: make, run tokens, read logits and counters, cancel, close.</summary>
internal static unsafe class ContextExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_create")]
    public static int edge_llm_context_create(nint model, ContextOptionsData* options, nint* context) =>
        Call.Model(model, (Pointer(options), Pointer(context)), &Create);

    private static void Create(ModelResource model, (Pointer<ContextOptionsData> Options, Pointer<nint> Context) a)
    {
        nint* context = a.Context.Needed("context");
        (ContextOptions options, ulong seed, nint draft) = OptionReaders.Context(a.Options.Address);
        WithDraft(draft, drafts => *context = HandleTable.Instance.Open(new ContextResource(model, options, seed, drafts) { DraftModel = draft }));
    }

    /// <summary>Calls with the model of a handle, or with null where there is none.</summary>
    internal static void WithDraft(nint handle, Action<ModelResource?> call)
    {
        if (handle == 0)
        {
            call(null);
            return;
        }
        using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(handle, "draft_model");
        call(use.Resource);
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_close")]
    public static int edge_llm_context_close(nint context) => Call.Library(context, &Close);

    private static void Close(nint context)
    {
        using Use<ContextResource> use = HandleTable.Instance.Close<ContextResource>(context);
        use.Resource.Interruption.Close();
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_cancel")]
    public static int edge_llm_context_cancel(nint context) => Call.Meanwhile(context, 0, &Cancel);

    private static void Cancel(ContextResource context, int unused) => context.Interruption.Cancel();

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_set_deadline")]
    public static int edge_llm_context_set_deadline(nint context, long milliseconds) => Call.Context(context, milliseconds, &SetDeadline);

    private static void SetDeadline(ContextResource context, long milliseconds) => context.Interruption.SetContextDeadline(milliseconds);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_get_options")]
    public static int edge_llm_context_get_options(nint context, ContextOptionsData* options) => Call.Meanwhile(context, Pointer(options), &GetOptions);

    private static void GetOptions(ContextResource context, Pointer<ContextOptionsData> options) =>
        Versioned.Write(options.Address, OptionReaders.Describe(context));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_get_counters")]
    public static int edge_llm_context_get_counters(nint context, ContextCounters* counters) => Call.Context(context, Pointer(counters), &GetCounters);

    private static void GetCounters(ContextResource context, Pointer<ContextCounters> counters) => Versioned.Write(counters.Address, context.Counters());

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_eval")]
    public static int edge_llm_context_eval(nint context, int sequence, int* tokens, nuint tokenCount) =>
        Call.Changing(context, (sequence, Input(tokens, tokenCount)), &Evaluate);

    private static void Evaluate(ContextResource context, (int Sequence, Input<int> Tokens) a) => context.Evaluate(a.Sequence, Tokens(context, a.Tokens));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_eval_batch")]
    public static int edge_llm_context_eval_batch(nint context, int* tokens, int* sequences, byte* wantLogits, nuint tokenCount) =>
        Call.Changing(context, (Input(tokens, tokenCount), Input(sequences, tokenCount), Input(wantLogits, tokenCount)), &EvaluateBatch);

    private static void EvaluateBatch(ContextResource context, (Input<int> Tokens, Input<int> Sequences, Input<byte> WantLogits) a)
    {
        int most = context.Context.Options.BatchSize;
        if (a.Tokens.Count > (nuint)most) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{a.Tokens.Count} tokens: expected at most {most} (batch_size)");
        context.Evaluate(a.Tokens.Span("tokens"), a.Sequences.OptionalSpan("sequences"), a.WantLogits.OptionalSpan("want_logits"));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_logits")]
    public static int edge_llm_context_logits(nint context, nuint row, float** logits, nuint* count) =>
        Call.Context(context, (row, Pointer((nint*)logits), Pointer(count)), &Logits);

    private static void Logits(ContextResource context, (nuint Row, Pointer<nint> Logits, Pointer<nuint> Count) a)
    {
        nint* logits = a.Logits.Needed("logits");
        nuint* count = a.Count.Needed("count");
        ReadOnlySpan<float> values = context.Logits(a.Row);
        *logits = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(values));
        *count = (nuint)values.Length;
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_copy_logits")]
    public static int edge_llm_context_copy_logits(nint context, nuint row, float* buffer, nuint capacity, nuint* count) =>
        Call.Context(context, (row, Output(buffer, capacity, count)), &CopyLogits);

    private static void CopyLogits(ContextResource context, (nuint Row, Output<float> Logits) a) => a.Logits.Write(context.Logits(a.Row));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_embed")]
    public static int edge_llm_context_embed(nint context, int* tokens, nuint tokenCount, int normalize, float* buffer, nuint capacity, nuint* count) =>
        Call.Changing(context, (Input(tokens, tokenCount), normalize != 0, Output(buffer, capacity, count)), &Embed);

    private static void Embed(ContextResource context, (Input<int> Tokens, bool Normalize, Output<float> Vector) a)
    {
        a.Vector.Reserve((nuint)context.Model.Model.VectorLength); // before the work, not after
        a.Vector.Write(context.Embed([.. Tokens(context, a.Tokens)], a.Normalize));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_rank")]
    public static int edge_llm_context_rank(
        nint context, byte* query, nuint queryLength, byte* document, nuint documentLength, float* buffer, nuint capacity, nuint* count) =>
        Call.Changing(context, (Input(query, queryLength), Input(document, documentLength), Output(buffer, capacity, count)), &Rank);

    private static void Rank(ContextResource context, (Input<byte> Query, Input<byte> Document, Output<float> Scores) a)
    {
        a.Scores.Reserve((nuint)context.Model.Model.VectorLength); // before the work, not after
        a.Scores.Write(context.Rank(context.Model.Tokenizer.EncodePair(Bytes(a.Query, "query"), Bytes(a.Document, "document"))));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_step")]
    public static int edge_llm_context_step(nint context, nuint* remaining) => Call.Context(context, Pointer(remaining), &Step);

    private static void Step(ContextResource context, Pointer<nuint> remaining)
    {
        nuint* left = remaining.Needed("remaining");
        *left = (nuint)context.Context.Step();
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_start_thread")]
    public static int edge_llm_context_start_thread(nint context) => Call.Meanwhile(context, 0, &StartThread);

    private static void StartThread(ContextResource context, int unused) => context.Context.StartThread();

    /// <summary>Tokens that may fit the context: more are not even looked at.</summary>
    internal static ReadOnlySpan<int> Tokens(ContextResource context, Input<int> tokens)
    {
        int most = context.Context.Options.ContextSize;
        if (tokens.Count > (nuint)most) throw new EdgeLlmException(ErrorCode.ContextFull, $"{tokens.Count} tokens do not fit the context of {most}");
        return tokens.Span("tokens");
    }
}
