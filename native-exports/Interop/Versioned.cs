namespace Edge.Llm.Native;

/// <summary>Structs whose first field is the size that the caller compiled with. All are still of their first version, so a struct's size
/// here is the smallest there is.</summary>
internal static unsafe class Versioned
{
    private const uint LargestSize = 4096; // a size that was never set is refused before it is believed

    /// <summary>Options from the caller. Fields that only a later version has must be zero.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static T Read<T>(T* source) where T : unmanaged
    {
        uint size = CheckedSize(source);
        if (((ReadOnlySpan<byte>)new Span<byte>(source, (int)size))[sizeof(T)..].ContainsAnyExcept((byte)0))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"struct_size is {size}: fields after byte {sizeof(T)} are not known to this version, and not zero");
        return *source;
    }

    /// <summary>Results to the caller, whose struct_size stays. Fields that only a later version has become zero.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static void Write<T>(T* destination, T value) where T : unmanaged
    {
        uint size = CheckedSize(destination);
        new Span<byte>(destination, (int)size).Clear();
        *destination = value;
        *(uint*)destination = size;
    }

    /// <summary>Defaults to the caller, who says how large the struct is.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static void WriteDefaults<T>(T* destination, nuint size, T value) where T : unmanaged
    {
        Pointers.Need(destination, "options");
        if (size < (nuint)sizeof(T) || size > LargestSize) throw WrongSize((ulong)size, sizeof(T));
        *(uint*)destination = (uint)size;
        Write(destination, value);
    }

    /// <summary>Throws unless a result struct can be written: before anything is done that could not be told.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static uint CheckedSize<T>(T* structure) where T : unmanaged
    {
        Pointers.Need(structure, "struct");
        uint size = *(uint*)structure;
        return size >= sizeof(T) && size <= LargestSize ? size : throw WrongSize(size, sizeof(T));
    }

    private static EdgeLlmException WrongSize(ulong found, int least) =>
        new(ErrorCode.InvalidArgument, $"struct_size is {found}: expected {least} to {LargestSize}");
}
