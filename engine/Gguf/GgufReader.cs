using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Edge.Llm.Memory;

namespace Edge.Llm.Gguf;

/// <summary>A cursor over untrusted bytes: every read is checked against what is left, and every failure names the file,
/// the offset and the key or tensor being read.</summary>
internal unsafe struct GgufReader(MappedFile file, long position, string context = "")
{
    /// <summary>Arrays of arrays may nest this deep.</summary>
    public const int MaxDepth = 8;

    /// <summary>Offset of the next byte.</summary>
    public long Position { get; private set; } = position;

    /// <summary>Bytes from here to the end of the file.</summary>
    public readonly long Remaining => file.Length - Position;

    /// <summary>What is being read, for messages: a key or a tensor.</summary>
    public string Entry { readonly get; set; } = context;

    /// <summary>Consumes the next <paramref name="bytes"/> bytes.</summary>
    public byte* Consume(ulong bytes, string what)
    {
        if (bytes > (ulong)Remaining) Fail($"{what} needs {bytes} bytes, and the file ends after {Remaining}");
        byte* start = file.Data + Position;
        Position += (long)bytes;
        return start;
    }

    /// <summary>Reads a number, little-endian as every machine this runs on.</summary>
    public T Read<T>(string what) where T : unmanaged => Unsafe.ReadUnaligned<T>(Consume((ulong)sizeof(T), what));

    /// <summary>Reads a string: a 64-bit length and as many bytes.</summary>
    public ReadOnlySpan<byte> ReadString(string what)
    {
        ulong length = Read<ulong>(what);
        if (length > int.MaxValue) Fail($"{what} has length {length}, expected at most {int.MaxValue}");
        return new ReadOnlySpan<byte>(Consume(length, what), (int)length);
    }

    /// <summary>Steps over strings, noting where each begins if <paramref name="starts"/> has room: vocabularies have
    /// hundreds of thousands, so this loop is kept tight and <see cref="ReadString"/> gives the reason when it stops.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void SkipStrings(int count, Span<long> starts)
    {
        byte* data = file.Data;
        long end = file.Length;
        long at = Position;
        for (int i = 0; i < count; i++)
        {
            if ((uint)i < (uint)starts.Length) starts[i] = at;
            ulong length = end - at >= sizeof(ulong) ? Unsafe.ReadUnaligned<ulong>(data + at) : ulong.MaxValue;
            if (length > int.MaxValue || (long)length > end - at - sizeof(ulong))
            {
                Position = at;
                ReadString("string");
                Fail("the string changed while it was read");
            }
            at += sizeof(ulong) + (long)length;
        }
        Position = at;
    }

    /// <summary>Reads a value type.</summary>
    public GgufValueType ReadValueType()
    {
        uint type = Read<uint>("value type");
        if (type > (uint)GgufValueType.Float64) Fail($"value type {type}, expected 0 to {(uint)GgufValueType.Float64}");
        return (GgufValueType)type;
    }

    /// <summary>Reads the header of an array and checks that elements as small as can be would fit in the file.</summary>
    public (GgufValueType Type, int Count) ReadArrayHeader()
    {
        GgufValueType type = ReadValueType();
        ulong count = Read<ulong>("array count");
        ulong most = (ulong)(Remaining / type.MinBytes());
        if (count > most) Fail($"an array of {count} values of type {type.Name()}, and the file has room for {most}");
        if (count > int.MaxValue) Fail($"an array of {count} values, expected at most {int.MaxValue}");
        return (type, (int)count);
    }

    /// <summary>Steps over a value, checking all of it.</summary>
    public void Skip(GgufValueType type, int depth = 0)
    {
        if (type == GgufValueType.String)
        {
            ReadString("string");
        }
        else if (type == GgufValueType.Array)
        {
            if (depth == MaxDepth) Fail($"arrays nested deeper than {MaxDepth}");
            (GgufValueType elementType, int count) = ReadArrayHeader();
            if (elementType.IsFixedSize())
                Consume((ulong)elementType.MinBytes() * (ulong)count, "array");
            else if (elementType == GgufValueType.String)
                SkipStrings(count, []);
            else
                for (int i = 0; i < count; i++) Skip(elementType, depth + 1);
        }
        else
        {
            Consume((ulong)type.MinBytes(), "value");
        }
    }

    /// <summary>Refuses the file.</summary>
    [DoesNotReturn]
    public readonly void Fail(string message, ErrorCode code = ErrorCode.InvalidFile) =>
        throw new EdgeLlmException(code, $"{file.Path}: at offset {Position}: {(Entry.Length == 0 ? "" : Entry + ": ")}{message}");
}
