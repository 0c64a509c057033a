using Edge.Llm.Memory;

namespace Edge.Llm;

/// <summary>A file that appears under its name when it is complete, and not before: it is written under another name in the same folder and
/// renamed in the end. Whatever goes wrong until then leaves nothing behind, and what had the name before is untouched.</summary>
public sealed class AtomicFile : IDisposable
{
    private const int BufferBytes = 1 << 20;

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

    /// <summary>Where to write.</summary>
    public Stream Stream => _stream;

    private bool IsDevice => _temporary == _path;

    /// <summary>Begins a file. A device (/dev/...) and a named pipe are written as they are; a link stays one.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it cannot be created.</exception>
    public static AtomicFile Create(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path)) throw CannotWrite(path, "it is a directory");
        try
        {
            bool device = RegularFile.IsInDev(Path.GetFullPath(path));
            string target = File.Exists(path) && !device ? RealPath.Of(path) : path;
            device |= RegularFile.IsInDev(target);
            if (!device && OpenPipe(target) is { } pipe) return new AtomicFile(target, target, pipe);
            string temporary = device ? target : $"{target}.{Environment.ProcessId}.tmp";
            return new AtomicFile(target, temporary,
                new FileStream(temporary, device ? FileMode.Open : FileMode.Create, FileAccess.Write, FileShare.Read, BufferBytes));
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
        ArgumentNullException.ThrowIfNull(files);
        var begun = new List<AtomicFile>();
        string path = "";
        try
        {
            foreach ((string Path, Action<Stream> Write) next in files)
            {
                path = next.Path;
                AtomicFile file = Create(path);
                begun.Add(file);
                next.Write(file.Stream);
                file.Close();
            }
            foreach (AtomicFile file in begun)
            {
                path = file._path;
                file.Complete();
            }
        }
        catch (Exception e) when (IsWriteFailure(e))
        {
            throw CannotWrite(path, e.Message);
        }
        finally
        {
            foreach (AtomicFile file in begun) file.Dispose();
        }
    }

    /// <summary>All is written: nothing can fail any more but the renaming. For several files that shall appear together.</summary>
    /// <exception cref="IOException">What is left in the buffer cannot be written: the disk is full, say.</exception>
    public void Close()
    {
        if (_stream.CanWrite) _stream.Flush(flushToDisk: !IsDevice); // the name must not be on the disk before the bytes are
        _stream.Dispose();
    }

    /// <summary>Closes the file and gives it its name.</summary>
    /// <exception cref="IOException">As <see cref="Close"/>.</exception>
    public void Complete()
    {
        Close();
        if (!IsDevice) File.Move(_temporary, _path, overwrite: true);
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
        catch (Exception e) when (IsWriteFailure(e))
        {
            // The disk is full; the file is closed all the same.
        }
        if (!IsDevice) File.Delete(_temporary);
    }

    /// <summary>Whether an exception says that a file cannot be written. Of a file larger than the file system or a limit takes (4 GiB on FAT32,
    /// <c>ulimit -f</c>) a stream says that an argument is out of range.</summary>
    public static bool IsWriteFailure(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };

    // What has a name already and cannot be sought in is no file that another could replace.
    private static FileStream? OpenPipe(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, BufferBytes);
            if (!stream.CanSeek) return stream;
            stream.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Read-only, or a program that runs: renaming needs no leave of the file itself.
        }
        return null;
    }

    private static EdgeLlmException CannotWrite(string path, string reason) => new(ErrorCode.InvalidFile, $"cannot write {path}: {reason}");
}
