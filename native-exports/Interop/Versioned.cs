using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>Structs whose first field is the size that the caller compiled with.</summary>
internal static unsafe class Versioned
{
    private const uint LargestSize = 4096; // a size that was never set is refused before it is believed

    /// <summary>Options from the caller. Fields that only a later version has must be zero; those that the caller's version lacks are.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static T Read<T>(T* source) where T : unmanaged
    {
        uint size = CheckedSize(source);
        if (size > sizeof(T) && ((ReadOnlySpan<byte>)new Span<byte>(source, (int)size))[sizeof(T)..].ContainsAnyExcept((byte)0))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"struct_size is {size}: fields after byte {sizeof(T)} are not known to this version, and not zero");
        return ReadKnown(source);
    }

    /// <summary>The same without a look at fields that only a later version has.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static T ReadKnown<T>(T* source) where T : unmanaged
    {
        T value = default;
        uint size = Math.Min(CheckedSize(source), (uint)sizeof(T));
        new ReadOnlySpan<byte>(source, (int)size).CopyTo(new Span<byte>(&value, sizeof(T)));
        return value;
    }

    /// <summary>Results to the caller, whose struct_size stays. Fields that only a later version has become zero; those that the caller's version
    /// lacks are left out.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static void Write<T>(T* destination, T value) where T : unmanaged
    {
        uint size = CheckedSize(destination);
        var to = new Span<byte>(destination, (int)size);
        to.Clear();
        new ReadOnlySpan<byte>(&value, (int)Math.Min(size, (uint)sizeof(T))).CopyTo(to);
        *(uint*)destination = size;
    }

    /// <summary>Defaults to the caller, who says how large the struct is.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static void WriteDefaults<T>(T* destination, nuint size, T value) where T : unmanaged
    {
        Pointers.Need(destination, "options");
        if (!IsSize<T>(size)) throw WrongSize<T>(size);
        *(uint*)destination = (uint)size;
        Write(destination, value);
    }

    /// <summary>Throws unless a result struct can be written: before anything is done that could not be told.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static uint CheckedSize<T>(T* structure) where T : unmanaged
    {
        Pointers.Need(structure, "struct");
        uint size = *(uint*)structure;
        return IsSize<T>(size) ? size : throw WrongSize<T>(size);
    }

    // That of an earlier version, or at least that of this one.
    private static bool IsSize<T>(nuint size) where T : unmanaged => size == (nuint)FirstSize<T>() || (size >= (nuint)sizeof(T) && size <= LargestSize);

    // The size of a struct's first version: that of today, unless it has grown.
    private static int FirstSize<T>() where T : unmanaged =>
        typeof(T) == typeof(ModelOptionsData) ? (int)Marshal.OffsetOf<ModelOptionsData>(nameof(ModelOptionsData.Overrides))
        : typeof(T) == typeof(SamplingOptionsData) ? (int)Marshal.OffsetOf<SamplingOptionsData>(nameof(SamplingOptionsData.DynatempRange))
        : typeof(T) == typeof(ContextOptionsData) ? (int)Marshal.OffsetOf<ContextOptionsData>(nameof(ContextOptionsData.PromptCache))
        : typeof(T) == typeof(ContextCounters) ? (int)Marshal.OffsetOf<ContextCounters>(nameof(ContextCounters.RestoredTokens))
        : typeof(T) == typeof(PieceData) ? (int)Marshal.OffsetOf<PieceData>(nameof(PieceData.Logprob))
        : typeof(T) == typeof(GenerateOptionsData) ? (int)Marshal.OffsetOf<GenerateOptionsData>(nameof(GenerateOptionsData.Grammar))
        : sizeof(T);

    private static EdgeLlmException WrongSize<T>(nuint found) where T : unmanaged => new(ErrorCode.InvalidArgument,
        $"struct_size is {found}: expected {(FirstSize<T>() == sizeof(T) ? "" : $"{FirstSize<T>()}, or ")}{sizeof(T)} to {LargestSize}");
}
