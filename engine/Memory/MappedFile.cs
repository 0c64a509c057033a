using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Edge.Llm.Threading;
using Microsoft.Win32.SafeHandles;

namespace Edge.Llm.Memory;

/// <summary>The bytes of a file: mapped read-only and shared (nothing is read until touched), or read into owned memory. When it is disposed
/// of while one of its uses goes on, the memory stays until that has ended.</summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private const int ReadChunk = 64 << 20;
    private const int MadviseWillNeed = 3, MadviseDontNeed = 4;
    private const int NoMemory = 12; // ENOMEM: no address space for the mapping

    private readonly SafeFileHandle? _handle;
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly AlignedBuffer? _buffer;
    private readonly Action? _release; // of memory that somebody else owns
    private readonly byte* _data;
    private readonly Gate _gate;
    private bool _locked;
    private volatile bool _disposed;

    private MappedFile(string path, long length)
    {
        Path = path;
        Length = length;
        _gate = new Gate(this, int.MaxValue, "", Free);
    }

    private MappedFile(string path, AlignedBuffer buffer) : this(path, buffer.Bytes)
    {
        _buffer = buffer;
        _data = buffer.Data;
    }

    private MappedFile(string path, byte* data, long length, Action? release) : this(path, length)
    {
        _data = data;
        _release = release;
    }

    private MappedFile(string path, SafeFileHandle handle, long length) : this(path, length)
    {
        _handle = handle;
        try
        {
            _map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            byte* start = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            _data = start + _view.PointerOffset;
        }
        catch
        {
            _view?.Dispose();
            _map?.Dispose();
            throw;
        }
    }

    /// <summary>Path as given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>Size in bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>Whether the bytes are the file's own pages.</summary>
    public bool IsMapped => _view is not null;

    /// <summary>Why the bytes could not be locked in memory, if that was asked and failed.</summary>
    public string? LockWarning { get; private set; }

    /// <summary>First byte.</summary>
    public byte* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _data;
        }
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it cannot be opened or read. OutOfMemory.</exception>
    public static MappedFile Open(string path, bool map = true, bool lockPages = false)
    {
        SafeFileHandle? handle = null;
        try
        {
            // To open a named pipe is to wait for somebody who writes. It has size 0; so has an empty file, which need not be opened either.
            if (new FileInfo(RealPath.Of(path)) is { Exists: true, Length: 0 }) return new MappedFile(path, new AlignedBuffer(0));
            if (RegularFile.IsPipe(path)) throw new NotSupportedException();
            // Other programs may read, replace or even write the file: its pages are not locked.
            handle = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            long length = RandomAccess.GetLength(handle);
            MappedFile file;
            if (map && length > 0)
            {
                file = new MappedFile(path, handle, length);
                handle = null; // kept open: CheckUnchanged asks it for the size
            }
            else
            {
                file = new MappedFile(path, ReadAll(path, handle, length));
            }
            if (lockPages) file.Lock();
            return file;
        }
        catch (IOException e) when (e.HResult == NoMemory)
        {
            throw new EdgeLlmException(ErrorCode.OutOfMemory, $"cannot map {path}: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"cannot open {path}: {Reason(path, e)}");
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>Copies bytes into owned memory.</summary>
    public static MappedFile FromBytes(ReadOnlySpan<byte> bytes, string name)
    {
        var buffer = new AlignedBuffer(bytes.Length);
        bytes.CopyTo(new Span<byte>(buffer.Data, bytes.Length));
        return new MappedFile(name, buffer);
    }

    /// <summary>Uses bytes where they lie; <paramref name="release"/> is called when they are no longer needed.</summary>
    public static MappedFile Over(byte* data, long length, string name, Action? release) => new(name, data, length, release);

    /// <summary>A use, during which the bytes stay where they are.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed of.</exception>
    public Gate.Use Hold() => _gate.Hold();

    /// <summary>Throws when the file under a mapping has another size than when it was opened: reading past the end of
    /// a mapped file that shrank kills the process.</summary>
    public void CheckUnchanged()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_handle is null) return;
        long now = RandomAccess.GetLength(_handle);
        if (now != Length)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{Path}: the file changed while open: it had {Length} bytes and now has {now}");
    }

    /// <summary>Asks the system to start reading the whole mapping in the background.</summary>
    public void Prefetch()
    {
        byte* data = Data;
        if (IsMapped && (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()))
            _ = Madvise(data, (nuint)Length, MadviseWillNeed); // a hint: nothing to do when it is refused
    }

    /// <summary>Asks the system to start reading a range of the mapping.</summary>
    public void Prefetch(byte* start, long bytes) => Advise(start, bytes, MadviseWillNeed);

    /// <summary>Tells the system that a range of the mapping will not be needed soon: it no longer counts as this process's memory.</summary>
    public void Release(byte* start, long bytes) => Advise(start, bytes, MadviseDontNeed);

    private void Advise(byte* start, long bytes, int advice)
    {
        if (!IsMapped || !(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())) return;
        nint page = Environment.SystemPageSize;
        byte* from = (byte*)((nint)start / page * page);
        _ = Madvise(from, (nuint)(start + bytes - from), advice); // a hint: nothing to do when it is refused
    }

    public void Dispose()
    {
        _disposed = true;
        _gate.Close();
    }

    private void Free()
    {
        if (_locked) _ = Munlock(_data, (nuint)Length);
        if (_view is not null)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
        }
        _map?.Dispose();
        _handle?.Dispose();
        _buffer?.Dispose();
        _release?.Invoke();
    }

    private static AlignedBuffer ReadAll(string path, SafeFileHandle handle, long length)
    {
        var buffer = new AlignedBuffer(length);
        try
        {
            for (long done = 0; done < length;)
            {
                int chunk = (int)Math.Min(ReadChunk, length - done);
                int read = RandomAccess.Read(handle, new Span<byte>(buffer.Data + done, chunk), done);
                if (read == 0)
                    throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: the file shrank while it was read: {length} bytes expected, {done} found");
                done += read;
            }
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
        return buffer;
    }

    private static string Reason(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => "no such file",
        _ when Directory.Exists(path) => "it is a directory",
        UnauthorizedAccessException => "permission denied",
        ArgumentException => "not a valid path",
        NotSupportedException => "not a regular file", // a pipe has no size
        _ => e.Message,
    };

    private void Lock()
    {
        if (Length == 0) return;
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
            LockWarning = "locking memory is supported on Linux and macOS only";
        else if (Mlock(_data, (nuint)Length) != 0)
            LockWarning = $"cannot lock {Length} bytes in memory: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())} (see ulimit -l)";
        else
            _locked = true;
    }

    [LibraryImport("libc", EntryPoint = "mlock", SetLastError = true)]
    private static partial int Mlock(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "munlock")]
    private static partial int Munlock(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(void* address, nuint length, int advice);
}
