using System.Text;

namespace Edge.Llm.Native;

/// <summary>What callers point at: checked, and turned into what the engine takes.</summary>
internal static unsafe class Pointers
{
    // More than any memory holds of what is counted, and far from overflow.
    private const nuint MostElements = 1 << 30;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Arguments of an export as values for <see cref="Call"/>; nothing is checked yet.</summary>
    public static Pointer<T> Pointer<T>(T* address) where T : unmanaged => new(address);

    public static Input<T> Input<T>(T* data, nuint count) where T : unmanaged => new(data, count);

    public static Output<T> Output<T>(T* buffer, nuint capacity, nuint* count) where T : unmanaged => new(buffer, capacity, count);

    /// <summary>Throws for null.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, here and below.</exception>
    public static void Need(void* pointer, string what)
    {
        if (pointer is null) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{what}: a null pointer");
    }

    /// <summary>An array; null is an empty one.</summary>
    public static ReadOnlySpan<T> Array<T>(T* data, nuint count, string what) where T : unmanaged
    {
        if (count == 0) return default;
        Need(data, what);
        if (count > MostElements) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{what}: {count} elements, expected at most {MostElements}");
        return new ReadOnlySpan<T>(data, (int)count);
    }

    /// <summary>The bytes of a text.</summary>
    public static ReadOnlySpan<byte> Bytes(byte* data, nuint length, string what)
    {
        if (length != nuint.MaxValue) return Array(data, length, what);
        Need(data, what);
        return System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(data);
    }

    /// <summary>A text that is a name, not data: it must be UTF-8.</summary>
    public static string Text(byte* data, nuint length, string what)
    {
        ReadOnlySpan<byte> bytes = Bytes(data, length, what);
        try
        {
            return s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{what}: not valid UTF-8");
        }
    }

    public static ReadOnlySpan<byte> Bytes(Input<byte> text, string what) => Bytes(text.Data, text.Count, what);

    public static string Text(Input<byte> text, string what) => Text(text.Data, text.Count, what);

    /// <summary>A text, or null where the caller gave none.</summary>
    public static string? OptionalText(byte* data, nuint length, string what) => data is null && length == 0 ? null : Text(data, length, what);

    /// <summary>A number that means yes or no.</summary>
    public static bool Flag(int value, string what) => value switch
    {
        0 => false,
        1 => true,
        _ => throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{what}: expected 0 or 1, found {value}"),
    };

    /// <summary>A text as UTF-8 with a terminating zero, cut at a whole character where the room ends.</summary>
    public static void ReturnFixed(string text, Span<byte> buffer)
    {
        buffer.Clear();
        Encoding.UTF8.GetEncoder().Convert(text, buffer[..^1], flush: true, out _, out _, out _);
    }
}
