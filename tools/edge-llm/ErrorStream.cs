using System.Text;

namespace Edge.Llm.Cli;

/// <summary>Standard error that cannot fail: a log on a full disk, or one that nobody reads, must not end the program or change its exit code.</summary>
internal sealed class ErrorStream : Stream
{
    private readonly Output _output = new(Output.StandardError);

    /// <summary>Makes <see cref="Console.Error"/> write here, in UTF-8.</summary>
    public static void Install() => Console.SetError(StandardStreams.ErrorIsClosed
        ? TextWriter.Null : new StreamWriter(new ErrorStream(), new UTF8Encoding(false)) { AutoFlush = true });

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Write(byte[] buffer, int offset, int count)
    {
        _output.Write(buffer.AsSpan(offset, count));
        Flush();
    }

    public override void Flush()
    {
        try
        {
            _output.Flush();
        }
        catch (IOException)
        {
            // There is nowhere else to tell it.
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
