namespace Edge.Llm.Cli;

/// <summary>A file that appears under its name when it is whole, or not at all: it is written under another name in the same folder and
/// then renamed.</summary>
internal sealed class AtomicFile : IDisposable
{
    private const int BufferBytes = 1 << 20;

    private readonly FileStream _stream;
    private readonly string _path;
    private bool _committed;

    /// <summary>Begins a file. A device (/dev/...) is written directly.</summary>
    /// <exception cref="UsageException">It cannot be written there.</exception>
    public AtomicFile(string path)
    {
        if (Directory.Exists(path)) throw new UsageException($"cannot write {path}: it is a directory");
        bool direct = path.StartsWith("/dev/", StringComparison.Ordinal);
        _committed = direct;
        try
        {
            _path = File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target ? target.FullName : path;
            Name = direct ? path : $"{_path}.{Environment.ProcessId}.tmp";
            _stream = new FileStream(Name, direct ? FileMode.Open : FileMode.Create, FileAccess.Write, FileShare.Read, BufferBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"cannot write {path}: {(e is DirectoryNotFoundException ? "no such folder" : e.Message)}");
        }
    }

    /// <summary>Where to write.</summary>
    public Stream Stream => _stream;

    /// <summary>The name it has until it is whole.</summary>
    public string Name { get; }

    /// <summary>All is written: gives the file its name, in the place of what had it before.</summary>
    /// <exception cref="IOException">The disk is full, say.</exception>
    public void Commit()
    {
        _stream.Flush(flushToDisk: true);
        _stream.Dispose();
        if (!_committed) File.Move(Name, _path, overwrite: true);
        _committed = true;
    }

    /// <summary>Removes what was not committed.</summary>
    public void Dispose()
    {
        try
        {
            _stream.Dispose();
        }
        catch (IOException) when (!_committed)
        {
            // what is left in the buffer fits the disk as little as what was written before: that error is on its way already
        }
        if (!_committed) File.Delete(Name);
    }
}
