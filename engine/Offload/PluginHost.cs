using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text.Unicode;
using Edge.Llm.Models;

namespace Edge.Llm.Offload;

/// <summary>What plug-ins call. No exception leaves these functions: that of a host's part is kept for the caller of the plug-in.</summary>
internal static unsafe class PluginHost
{
    /// <summary>Is given what plug-ins log: level, text. Levels are those of the C interface, 1 (error) to 4 (debug).</summary>
    public static Action<int, string>? Log { get; set; }

    /// <summary>The table for plug-ins, as long as the process runs.</summary>
    public static AbiHost* Table { get; } = MakeTable();

    /// <summary>A pass that a plug-in computes, as it is known to the callbacks.</summary>
    public sealed class Call(StagePass pass)
    {
        /// <summary>The pass.</summary>
        public StagePass Pass => pass;

        /// <summary>What went wrong in a part of the host.</summary>
        public ExceptionDispatchInfo? Error { get; set; }
    }

    private static AbiHost* MakeTable()
    {
        var table = (AbiHost*)NativeMemory.AllocZeroed((nuint)sizeof(AbiHost));
        *table = new AbiHost { StructSize = (uint)sizeof(AbiHost), AbiMinor = Abi.Minor, Log = &OnLog, Cancelled = &OnCancelled, HostPart = &OnHostPart };
        return table;
    }

    [UnmanagedCallersOnly]
    private static void OnLog(void* context, int level, byte* text)
    {
        try
        {
            Log?.Invoke(level, Marshal.PtrToStringUTF8((nint)text) ?? "");
        }
        catch (Exception)
        {
            // A log that fails must not end the process.
        }
    }

    [UnmanagedCallersOnly]
    private static int OnCancelled(void* context, void* batch)
    {
        try
        {
            return CallOf(batch).Pass.IsCancelled ? 1 : 0;
        }
        catch (Exception)
        {
            return 1;
        }
    }

    [UnmanagedCallersOnly]
    private static int OnHostPart(void* context, void* batch, int layer, int part, int rows, float* x, float* y, AbiError* error)
    {
        Call? call = null;
        try
        {
            call = CallOf(batch);
            call.Pass.Run(layer, (HostParts)part, rows, x, y);
            return 0;
        }
        catch (Exception e)
        {
            if (call is not null) call.Error ??= ExceptionDispatchInfo.Capture(e);
            Tell(error, e.Message);
            return e is EdgeLlmException { Code: ErrorCode.NonFinite } ? Abi.NonFinite : Abi.InvalidArgument;
        }
    }

    // The plug-in has the memory of the struct: its size says how much text it takes, with the zero behind it.
    private static void Tell(AbiError* error, string message)
    {
        if (error is null) return;
        long room = Math.Min(error->StructSize, (uint)sizeof(AbiError)) - (error->Text - (byte*)error);
        if (room < 1) return;
        var text = new Span<byte>(error->Text, (int)room);
        Utf8.FromUtf16(message, text[..^1], out _, out int written);
        text[written] = 0;
        error->NativeCode = 0;
    }

    private static Call CallOf(void* batch) => Unsafe.As<Call>(GCHandle.FromIntPtr((nint)batch).Target!);
}
