using System.Runtime.InteropServices;
using System.Text;

namespace Edge.Llm.Cli;

/// <summary>Nobody reads standard output any more.</summary>
internal sealed class ClosedPipeException() : IOException("standard output is closed");

/// <summary>Standard output (or, as file 2, standard error) in UTF-8, buffered. Unlike the console's own stream it tells when the reader has
/// gone, and sends a terminal nothing of its own.</summary>
internal sealed partial class Output(int file = Output.StandardOutput) : Stream
{
    public const int StandardOutput = 1, StandardError = 2;
    private const int EINTR = 4, EPIPE = 32;
    private static readonly int s_again = OperatingSystem.IsLinux() ? 11 : 35; // EAGAIN
    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly Stream? _console = !OperatingSystem.IsWindows() ? null
        : file == StandardError ? Console.OpenStandardError() : Console.OpenStandardOutput();
    private int _used;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public void Write(string text)
    {
        if (text.Length > 0) Write(Encoding.UTF8.GetBytes(text));
    }

    public void WriteLine(string text = "") => Write(text + "\n");

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _buffer.Length - _used) Flush();
        if (bytes.Length > _buffer.Length)
        {
            WriteThrough(bytes);
            return;
        }
        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    public override void Flush()
    {
        int used = _used;
        _used = 0; // what cannot be written is not tried again
        WriteThrough(_buffer.AsSpan(0, used));
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) Flush();
        base.Dispose(disposing);
    }

    private unsafe void WriteThrough(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty && file == StandardOutput) StandardStreams.NeedOutput();
        if (_console is not null)
        {
            _console.Write(bytes);
            return;
        }
        while (!bytes.IsEmpty)
        {
            nint written;
            fixed (byte* data = bytes) written = SystemWrite(file, data, (nuint)bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }
            int error = Marshal.GetLastPInvokeError();
            if (error == EPIPE) throw new ClosedPipeException();
            if (error == s_again) Thread.Sleep(1); // somebody else made the pipe non-blocking, and it is full
            else if (error != EINTR) throw new IOException($"cannot write to standard output: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint SystemWrite(int file, byte* data, nuint count);
}
