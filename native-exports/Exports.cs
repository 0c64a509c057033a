using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>The C ABI. No exception leaves it.</summary>
internal static unsafe class Exports
{
    // A null-terminated literal lives in the library's read-only data for as long as the library does.
    /// <summary><c>const char *edge_llm_version(void)</c>: the library's version, for example "0.1.0". Never null; never freed.</summary>
    [UnmanagedCallersOnly(EntryPoint = "edge_llm_version")]
    public static byte* Version() => (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(
        ref MemoryMarshal.GetReference(EngineVersion.Utf8));
}
