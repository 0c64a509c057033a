namespace Edge.Llm.Memory;

/// <summary>A file that appears under its name when it is complete, and not before: it is written under another name in the same folder and
/// renamed in the end. Whatever goes wrong until then leaves nothing behind, and what had the name before is untouched.</summary>
internal sealed class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporary;
    private readonly FileStream _stream;
    private bool _complete;

    private AtomicFile(string path, string temporary, FileStream stream)
    {
        _path = path;
        _temporary = temporary;
        _stream = stream;
    }

    private static AtomicFile Create(string path)
    {
        if (Directory.Exists(path)) throw CannotWrite(path, "it is a directory");
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            return new AtomicFile(path, temporary, new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 1 << 16));
        }
        catch (DirectoryNotFoundException)
        {
            throw CannotWrite(path, "no such folder");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw CannotWrite(path, e.Message);
        }
    }

    /// <summary>Begins a file, has it written and completes it.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it cannot be created or written.</exception>
    public static void Write(string path, Action<Stream> write) => Write([(path, write)]);

    /// <summary>Several files, one after the other, that appear together when all are complete.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: one cannot be created or written.</exception>
    public static void Write(params IReadOnlyList<(string Path, Action<Stream> Write)> files)
    {
        var begun = new List<AtomicFile>();
        string path = "";
        try
        {
            foreach ((string Path, Action<Stream> Write) next in files)
            {
                path = next.Path;
                AtomicFile file = Create(path);
                begun.Add(file);
                next.Write(file._stream);
                file._stream.Dispose(); // writes out what is buffered
            }
            foreach (AtomicFile file in begun)
            {
                path = file._path;
                file.Complete();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(path, e.Message);
        }
        finally
        {
            foreach (AtomicFile file in begun) file.Dispose();
        }
    }

    private void Complete()
    {
        File.Move(_temporary, _path, overwrite: true);
        _complete = true;
    }

    /// <summary>Deletes what was written, unless it is complete.</summary>
    public void Dispose()
    {
        if (_complete) return;
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // The disk is full; the file is closed all the same.
        }
        File.Delete(_temporary);
    }

    private static EdgeLlmException CannotWrite(string path, string reason) => new(ErrorCode.InvalidFile, $"cannot write {path}: {reason}");
}
