namespace Edge.Llm.Gguf;

/// <summary>What the reader and the writer know about each value type, as tables in the order of the numbers.</summary>
internal static class GgufValueTypes
{
    private static readonly string[] s_names =
        ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64", "float64"];

    /// <summary>Name for people.</summary>
    public static string Name(this GgufValueType type) => s_names[(int)type];

    /// <summary>Bytes of a value; of the smallest there is for strings (a length) and arrays (a type and a count).</summary>
    public static int MinBytes(this GgufValueType type)
    {
        ReadOnlySpan<byte> bytes = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];
        return bytes[(int)type];
    }

    /// <summary>Whether all values of the type have one size.</summary>
    public static bool IsFixedSize(this GgufValueType type) => type is not (GgufValueType.String or GgufValueType.Array);

    /// <summary>The value type that stores a CLR number.</summary>
    public static GgufValueType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(byte) ? GgufValueType.UInt8
        : typeof(T) == typeof(sbyte) ? GgufValueType.Int8
        : typeof(T) == typeof(ushort) ? GgufValueType.UInt16
        : typeof(T) == typeof(short) ? GgufValueType.Int16
        : typeof(T) == typeof(uint) ? GgufValueType.UInt32
        : typeof(T) == typeof(int) ? GgufValueType.Int32
        : typeof(T) == typeof(float) ? GgufValueType.Float32
        : typeof(T) == typeof(bool) ? GgufValueType.Bool
        : typeof(T) == typeof(ulong) ? GgufValueType.UInt64
        : typeof(T) == typeof(long) ? GgufValueType.Int64
        : typeof(T) == typeof(double) ? GgufValueType.Float64
        : throw new EdgeLlmException(ErrorCode.InvalidArgument, $"GGUF has no value type for {typeof(T).Name}");
}
