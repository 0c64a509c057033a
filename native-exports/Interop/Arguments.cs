namespace Edge.Llm.Native;

/// <summary>A pointer of the caller's, as a value that can be a type argument, which a pointer itself cannot.</summary>
internal readonly unsafe struct Pointer<T>(T* address) where T : unmanaged
{
    /// <summary>The pointer, which may be null.</summary>
    public T* Address => address;

    /// <summary>The pointer, which is not null.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public T* Needed(string what)
    {
        Pointers.Need(address, what);
        return address;
    }
}

/// <summary>Elements that the caller gives.</summary>
internal readonly unsafe struct Input<T>(T* data, nuint count) where T : unmanaged
{
    public T* Data => data;

    public nuint Count => count;

    /// <summary>The elements.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: null, though there are some.</exception>
    public ReadOnlySpan<T> Span(string what) => Pointers.Array(data, count, what);

    /// <summary>The elements; none where the pointer is null.</summary>
    public ReadOnlySpan<T> OptionalSpan(string what) => data is null ? default : Span(what);
}

/// <summary>A buffer of the caller's for results, and where their count goes.</summary>
internal readonly unsafe struct Output<T>(T* buffer, nuint capacity, nuint* count) where T : unmanaged
{
    /// <summary>Tells the count and returns the buffer, which has room for it.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument. BufferTooSmall: nothing but the count may be written.</exception>
    public T* Reserve(nuint needed)
    {
        Pointers.Need(count, "count");
        *count = needed;
        if (needed > capacity)
            throw new EdgeLlmException(ErrorCode.BufferTooSmall, $"the buffer has room for {capacity} elements; there are {needed}");
        if (needed > 0) Pointers.Need(buffer, "buffer");
        return buffer;
    }

    /// <summary>Writes results and their count.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument. BufferTooSmall: the count, and nothing else, was written.</exception>
    public void Write(ReadOnlySpan<T> values) => values.CopyTo(new Span<T>(Reserve((nuint)values.Length), values.Length));
}
