using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>Contexts: make, run tokens, read logits and counters, cancel, close.</summary>
internal static unsafe class ContextExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_create")]
    public static int edge_llm_context_create(nint model, ContextOptionsData* options, nint* context)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            Pointers.Need(context, "context");
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            (ContextOptions made, ulong seed) = OptionReaders.Context(options, use.Resource.Model);
            *context = HandleTable.Instance.Open(new ContextResource(use.Resource, made, seed));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_close")]
    public static int edge_llm_context_close(nint context)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Close<ContextResource>(context);
            use.Resource.Interruption.Close();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_cancel")]
    public static int edge_llm_context_cancel(nint context)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            use.Resource.Interruption.Cancel();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_set_deadline")]
    public static int edge_llm_context_set_deadline(nint context, long milliseconds)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            use.Resource.Interruption.SetContextDeadline(milliseconds);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_get_options")]
    public static int edge_llm_context_get_options(nint context, ContextOptionsData* options)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            Versioned.Write(options, OptionReaders.Describe(use.Resource));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_get_counters")]
    public static int edge_llm_context_get_counters(nint context, ContextCounters* counters)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Versioned.Write(counters, use.Resource.Counters());
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_eval")]
    public static int edge_llm_context_eval(nint context, int sequence, int* tokens, nuint tokenCount)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            use.Resource.Evaluate(sequence, Tokens(use.Resource, tokens, tokenCount));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_eval_batch")]
    public static int edge_llm_context_eval_batch(nint context, int* tokens, int* sequences, byte* wantLogits, nuint tokenCount)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
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

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_logits")]
    public static int edge_llm_context_logits(nint context, nuint row, float** logits, nuint* count)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
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

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_copy_logits")]
    public static int edge_llm_context_copy_logits(nint context, nuint row, float* buffer, nuint capacity, nuint* count)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Pointers.Return(use.Resource.Logits(row), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_embed")]
    public static int edge_llm_context_embed(nint context, int* tokens, nuint tokenCount, int normalize, float* buffer, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
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
    internal static ReadOnlySpan<int> Tokens(ContextResource context, int* tokens, nuint count)
    {
        int most = context.Context.Options.ContextSize;
        if (count > (nuint)most) throw new EdgeLlmException(ErrorCode.ContextFull, $"{count} tokens do not fit the context of {most}");
        return Pointers.Array(tokens, count, "tokens");
    }
}
