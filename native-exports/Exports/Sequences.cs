using System.Runtime.InteropServices;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Sequences: copied, cut, saved, loaded.</summary>
internal static unsafe class SequenceExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_tokens")]
    public static int edge_llm_sequence_tokens(nint context, int sequence, int* tokens, nuint capacity, nuint* count) =>
        Call.Context(context, (sequence, Output(tokens, capacity, count)), &GetTokens);

    private static void GetTokens(ContextResource context, (int Sequence, Output<int> Tokens) a) => a.Tokens.Write(context.Sequence(a.Sequence).Tokens);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_copy")]
    public static int edge_llm_sequence_copy(nint context, int from, int to) => Call.Changing(context, (from, to), &Copy);

    private static void Copy(ContextResource context, (int From, int To) a) => context.Copy(a.From, a.To);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_remove")]
    public static int edge_llm_sequence_remove(nint context, int sequence) => Call.Changing(context, sequence, &Remove);

    private static void Remove(ContextResource context, int sequence) => context.Remove(sequence);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_trim")]
    public static int edge_llm_sequence_trim(nint context, int sequence, nuint length) => Call.Changing(context, (sequence, length), &Trim);

    private static void Trim(ContextResource context, (int Sequence, nuint Length) a) =>
        context.Sequence(a.Sequence).Trim((int)Math.Min(a.Length, int.MaxValue));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_save")]
    public static int edge_llm_state_save(nint context, int sequence, byte* buffer, nuint capacity, nuint* count) =>
        Call.Context(context, (sequence, Output(buffer, capacity, count)), &Save);

    private static void Save(ContextResource context, (int Sequence, Output<byte> State) a)
    {
        Sequence sequence = context.Sequence(a.Sequence);
        long bytes = Context.SavedBytes(sequence);
        using var stream = new UnmanagedMemoryStream(a.State.Reserve((nuint)bytes), 0, bytes, FileAccess.Write);
        context.Context.Save(sequence, stream);
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_load")]
    public static int edge_llm_state_load(nint context, int sequence, byte* data, nuint size) =>
        Call.Changing(context, (sequence, Input(data, size)), &Load);

    private static void Load(ContextResource context, (int Sequence, Input<byte> State) a)
    {
        if (a.State.Count > 0) Need(a.State.Data, "data");
        byte none = 0;
        using var stream = new UnmanagedMemoryStream(a.State.Data is null ? &none : a.State.Data, (long)Math.Min((ulong)a.State.Count, long.MaxValue));
        context.Context.Load(context.Sequence(a.Sequence), stream);
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_save_file")]
    public static int edge_llm_state_save_file(nint context, int sequence, byte* path, nuint pathLength) =>
        Call.Context(context, (sequence, Input(path, pathLength)), &SaveFile);

    private static void SaveFile(ContextResource context, (int Sequence, Input<byte> Path) a) =>
        context.Context.Save(context.Sequence(a.Sequence), Text(a.Path, "path"));

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_state_load_file")]
    public static int edge_llm_state_load_file(nint context, int sequence, byte* path, nuint pathLength) =>
        Call.Changing(context, (sequence, Input(path, pathLength)), &LoadFile);

    private static void LoadFile(ContextResource context, (int Sequence, Input<byte> Path) a) =>
        context.Context.Load(context.Sequence(a.Sequence), Text(a.Path, "path"));
}
