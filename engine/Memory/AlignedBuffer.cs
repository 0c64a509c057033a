using System.Runtime.InteropServices;

namespace Edge.Llm;

/// <summary>Zeroed native memory, aligned to a cache line, freed by <see cref="Dispose"/> or the finalizer.</summary>
public sealed unsafe class AlignedBuffer : IDisposable
{
    /// <summary>Alignment in bytes: one cache line, one 512-bit vector.</summary>
    public const int Alignment = 64;

    /// <summary>Bytes to the next multiple of it.</summary>
    public static long RoundUp(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private byte* _data;

    /// <summary>For tests: is asked before each allocation of this thread; true makes it fail.</summary>
    [ThreadStatic]
    internal static Func<long, bool>? Refuses;

    /// <summary>Allocates <paramref name="bytes"/> zeroed bytes.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory.</exception>
    public AlignedBuffer(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = bytes;
        if (Refuses?.Invoke(bytes) == true) throw Failed(bytes);
        try
        {
            _data = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), Alignment);
        }
        catch (OutOfMemoryException e)
        {
            throw Failed(bytes, e);
        }
        NativeMemory.Clear(_data, (nuint)bytes);
    }

    /// <summary>Frees memory that was never disposed of.</summary>
    ~AlignedBuffer() => Free();

    /// <summary>First byte.</summary>
    public byte* Data => _data;

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static EdgeLlmException Failed(long bytes, Exception? inner = null) =>
        new(ErrorCode.OutOfMemory, $"cannot allocate {bytes} bytes", inner);

    private void Free()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
    }
}
