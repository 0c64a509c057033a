namespace Edge.Llm.Memory;

/// <summary>Tells files from pipes and devices before they are opened: opening a pipe waits for its other end.</summary>
internal static class RegularFile
{
    /// <summary>Opens a file to read it.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it is empty, a pipe or a device, or cannot be opened.</exception>
    public static FileStream OpenRead(string path) => Guarded("open", path, () =>
    {
        if (new FileInfo(RealPath.Of(path)) is { Exists: true, Length: 0 } || IsPipe(path)) throw NotRegular("open", path, "an empty file, a pipe or a device");
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (stream.CanSeek) return stream;
        stream.Dispose();
        throw NotRegular("open", path, "a pipe or a device");
    });

    /// <summary>Throws unless a name is free, or that of a file that may be written.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static void RequireReplaceable(string path) => Guarded("write", path, () =>
    {
        if (!File.Exists(path)) return true;
        // To read and write, a named pipe opens at once.
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        return stream.CanSeek && !IsInDev(RealPath.Of(path)) ? true : throw NotRegular("write", path, "a pipe or a device");
    });

    /// <summary>Whether a path leads to a pipe without a name, as /proc/self/fd/3 may.</summary>
    public static bool IsPipe(string path) => Path.GetFileName(RealPath.Of(path)).StartsWith("pipe:[", StringComparison.Ordinal);

    /// <summary>Whether a path is a device's. /dev/shm is an ordinary folder, in memory.</summary>
    public static bool IsInDev(string path) =>
        path.StartsWith("/dev/", StringComparison.Ordinal) && !path.StartsWith("/dev/shm/", StringComparison.Ordinal);

    private static T Guarded<T>(string what, string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"cannot {what} {path}: {Reason(path, e)}", e);
        }
    }

    private static string Reason(string path, Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "no such file",
        _ when Directory.Exists(path) => "it is a directory",
        UnauthorizedAccessException => "permission denied",
        ArgumentException => "not a valid path",
        _ => error.Message,
    };

    private static EdgeLlmException NotRegular(string what, string path, string found) =>
        new(ErrorCode.InvalidFile, $"cannot {what} {path}: expected a regular file, found {found}");
}
