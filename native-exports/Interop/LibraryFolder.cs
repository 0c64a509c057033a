using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>The folder that this library was loaded from: plug-ins are looked for there, not in that of the program.</summary>
internal static unsafe class LibraryFolder
{
    private const int MaxPath = 4096;

    private static readonly Lazy<bool> s_told = new(() =>
    {
        byte* path = stackalloc byte[MaxPath];
        Callbacks.File(path, MaxPath);
        if (Marshal.PtrToStringUTF8((nint)path) is { Length: > 0 } file && Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) OffloadPlugins.Folder = folder;
        return true;
    });

    /// <summary>Tells the engine, once.</summary>
    public static void Tell() => _ = s_told.Value;
}
