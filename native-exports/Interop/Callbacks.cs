using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>Calls functions of the caller, through entry.c, which gives them their own floating-point environment.</summary>
internal static unsafe partial class Callbacks
{
    private const string Library = "edge_entry"; // linked in: see Edge.Llm.Native.csproj

    /// <summary>The file that this library was loaded from; empty where that is not known.</summary>
    [LibraryImport(Library, EntryPoint = "edge_entry_file")]
    public static partial void File(byte* path, nuint size);

    [LibraryImport(Library, EntryPoint = "edge_call_log")]
    public static partial void Log(delegate* unmanaged<void*, int, byte*, nuint, void> callback, void* user, int level, byte* message, nuint length);

    [LibraryImport(Library, EntryPoint = "edge_call_release")]
    public static partial void Release(delegate* unmanaged<void*, void*, nuint, void> callback, void* user, void* data, nuint size);

    [LibraryImport(Library, EntryPoint = "edge_call_piece")]
    public static partial int Piece(delegate* unmanaged<void*, PieceData*, int> callback, void* user, PieceData* piece);

    [LibraryImport(Library, EntryPoint = "edge_call_prefill")]
    public static partial int Prefill(delegate* unmanaged<void*, nuint, nuint, int> callback, void* user, nuint done, nuint total);

    [LibraryImport(Library, EntryPoint = "edge_call_ready")]
    public static partial void Ready(delegate* unmanaged<void*, void> callback, void* user);
}
