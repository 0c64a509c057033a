using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>Sequences: copied, cut, saved, loaded.</summary>
internal static unsafe class SequenceExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_tokens")]
    public static int edge_llm_sequence_tokens(nint context, int sequence, int* tokens, nuint capacity, nuint* count)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Pointers.Return(use.Resource.Sequence(sequence).Tokens, tokens, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_copy")]
    public static int edge_llm_sequence_copy(nint context, int from, int to)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            use.Resource.Copy(from, to);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_remove")]
    public static int edge_llm_sequence_remove(nint context, int sequence)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            use.Resource.Remove(sequence);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_trim")]
    public static int edge_llm_sequence_trim(nint context, int sequence, nuint length)
    {
        try
        {
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            use.Resource.Sequence(sequence).Trim((int)Math.Min(length, int.MaxValue));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_save")]
    public static int edge_llm_state_save(nint context, int sequence, byte* buffer, nuint capacity, nuint* count)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Pointers.Need(count, "count");
            Sequence saved = use.Resource.Sequence(sequence);
            long bytes = InferenceContext.SavedBytes(saved);
            *count = (nuint)bytes;
            Pointers.Reserve((nuint)bytes, buffer, capacity);
            using var stream = new UnmanagedMemoryStream(buffer, 0, bytes, FileAccess.Write);
            use.Resource.Context.Save(saved, stream);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_load")]
    public static int edge_llm_state_load(nint context, int sequence, byte* data, nuint size)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            if (size > 0) Pointers.Need(data, "data");
            byte none = 0;
            using var stream = new UnmanagedMemoryStream(data is null ? &none : data, (long)Math.Min((ulong)size, long.MaxValue));
            use.Resource.Context.Load(use.Resource.Sequence(sequence), stream);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_save_file")]
    public static int edge_llm_state_save_file(nint context, int sequence, byte* path, nuint pathLength)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.Enter();
            Sequence saved = use.Resource.Sequence(sequence);
            using FileStream stream = OpenFile(Pointers.Text(path, pathLength, "path"), FileMode.Create, FileAccess.Write);
            use.Resource.Context.Save(saved, stream);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_load_file")]
    public static int edge_llm_state_load_file(nint context, int sequence, byte* path, nuint pathLength)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(context);
            using ContextResource.Entered entered = use.Resource.EnterToChange();
            using FileStream stream = OpenFile(Pointers.Text(path, pathLength, "path"), FileMode.Open, FileAccess.Read);
            use.Resource.Context.Load(use.Resource.Sequence(sequence), stream);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    private static FileStream OpenFile(string path, FileMode mode, FileAccess access)
    {
        try
        {
            var stream = new FileStream(path, mode, access);
            if (stream.CanSeek) return stream;
            stream.Dispose(); // a pipe whose reader left would end the process
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"cannot open {path}", e);
        }
        throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: expected a file, found a pipe or a device");
    }
}
