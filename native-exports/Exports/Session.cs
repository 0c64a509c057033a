using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>Sessions: make, run tokens, read logits and counters, cancel, close.</summary>
internal static unsafe class SessionExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_create")]
    public static int edge_llm_session_create(nint model, SessionOptionsData* options, nint* session)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            Pointers.Need(session, "session");
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            (ContextOptions context, ulong seed) = OptionReaders.Session(options, use.Resource.Model);
            *session = HandleTable.Instance.Open(new SessionResource(use.Resource, context, seed));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_close")]
    public static int edge_llm_session_close(nint session)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Close<SessionResource>(session);
            use.Resource.Interruption.Close();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_cancel")]
    public static int edge_llm_session_cancel(nint session)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            use.Resource.Interruption.Cancel();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_set_deadline")]
    public static int edge_llm_session_set_deadline(nint session, long milliseconds)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.Enter();
            use.Resource.Interruption.SetSessionDeadline(milliseconds);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_get_options")]
    public static int edge_llm_session_get_options(nint session, SessionOptionsData* options)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            Versioned.Write(options, OptionReaders.Describe(use.Resource));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_get_counters")]
    public static int edge_llm_session_get_counters(nint session, SessionCounters* counters)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.Enter();
            Versioned.Write(counters, use.Resource.Counters());
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_eval")]
    public static int edge_llm_session_eval(nint session, int sequence, int* tokens, nuint tokenCount)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.EnterToChange();
            use.Resource.Evaluate(sequence, Tokens(use.Resource, tokens, tokenCount));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_eval_batch")]
    public static int edge_llm_session_eval_batch(nint session, int* tokens, int* sequences, byte* wantLogits, nuint tokenCount)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.EnterToChange();
            int most = use.Resource.Context.Options.BatchSize;
            if (tokenCount > (nuint)most) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{tokenCount} tokens: expected at most {most} (batch_size)");
            use.Resource.Evaluate(Pointers.Array(tokens, tokenCount, "tokens"),
                sequences is null ? default : Pointers.Array(sequences, tokenCount, "sequences"),
                wantLogits is null ? default : Pointers.Array(wantLogits, tokenCount, "want_logits"));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_logits")]
    public static int edge_llm_session_logits(nint session, nuint row, float** logits, nuint* count)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.Enter();
            Pointers.Need(logits, "logits");
            Pointers.Need(count, "count");
            ReadOnlySpan<float> values = use.Resource.Logits(row);
            *logits = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(values));
            *count = (nuint)values.Length;
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_copy_logits")]
    public static int edge_llm_session_copy_logits(nint session, nuint row, float* buffer, nuint capacity, nuint* count)
    {
        try
        {
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.Enter();
            Pointers.Return(use.Resource.Logits(row), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_session_embed")]
    public static int edge_llm_session_embed(nint session, int* tokens, nuint tokenCount, int normalize, float* buffer, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<SessionResource> use = HandleTable.Instance.Use<SessionResource>(session);
            using SessionResource.Entered entered = use.Resource.EnterToChange();
            Pointers.Need(count, "count");
            *count = (nuint)use.Resource.Model.Model.EmbeddingLength;
            Pointers.Reserve(*count, buffer, capacity); // before the work, not after
            Pointers.Return(use.Resource.Embed([.. Tokens(use.Resource, tokens, tokenCount)], normalize != 0), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    /// <summary>Tokens that may fit the context: more are not even looked at.</summary>
    internal static ReadOnlySpan<int> Tokens(SessionResource session, int* tokens, nuint count)
    {
        int most = session.Context.Options.ContextSize;
        if (count > (nuint)most) throw new EdgeLlmException(ErrorCode.ContextFull, $"{count} tokens do not fit the context of {most}");
        return Pointers.Array(tokens, count, "tokens");
    }
}
