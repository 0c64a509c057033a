using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>Generation: by callback, step by step, and single draws.</summary>
internal static unsafe class GenerateExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_sample")]
    public static int edge_llm_context_sample(nint context, nuint row, int sequence, SamplingOptionsData* options, int* token)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Pointers.Need(token, "token");
            *token = use.Resource.Sample(row, sequence, OptionReaders.Sampling(options, use.Resource));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_generate")]
    public static int edge_llm_context_generate(nint context, int* prompt, nuint promptCount, GenerateOptionsData* options,
        delegate* unmanaged<void*, PieceData*, int> callback, void* user)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            if (callback is null) throw new EdgeLlmException(ErrorCode.InvalidArgument, "callback: a null pointer");
            using Generation generation = Begin(use.Resource, prompt, promptCount, options);
            while (generation.Finish is null)
            {
                PieceData piece = generation.Next();
                if (Callbacks.Piece(callback, user, &piece) != 0) generation.Stop();
            }
            generation.ThrowIfInterrupted();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_start")]
    public static int edge_llm_context_start(nint context, int* prompt, nuint promptCount, GenerateOptionsData* options)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            use.Resource.Replace(Begin(use.Resource, prompt, promptCount, options));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_next")]
    public static int edge_llm_context_next(nint context, PieceData* piece)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Versioned.CheckedSize(piece);
            Generation generation = use.Resource.Generation
                ?? throw new EdgeLlmException(ErrorCode.InvalidArgument, "there is no generation: edge_llm_context_start begins one");
            if (generation.Finish is not null) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the generation is over");
            try
            {
                Versioned.Write(piece, generation.Next());
            }
            catch
            {
                use.Resource.Replace(null);
                throw;
            }
            if (generation.Finish is not null) use.Resource.Interruption.End(); // the last text stays, for the caller to read
            generation.ThrowIfInterrupted();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    private static Generation Begin(ContextResource context, int* prompt, nuint promptCount, GenerateOptionsData* options)
    {
        GenerateOptionsData data = options is null ? OptionReaders.Generate() : Versioned.Read(options);
        ReadOnlySpan<int> tokens = ContextExports.Tokens(context, prompt, promptCount);
        return new Generation(context, data.Sequence, tokens.ToArray(), OptionReaders.Generate(data, context), data.Deadline);
    }
}
