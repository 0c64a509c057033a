using System.Globalization;
using System.Text;
using Edge.Llm.Gguf;

namespace Edge.Llm;

/// <summary>A value that takes the place of one in a model file's metadata, or joins them.</summary>
public sealed class MetadataOverride
{
    private readonly object _value; // a long, double, bool or string

    /// <summary>An integer; the file's type of integer stays.</summary>
    public MetadataOverride(string key, long value) : this(key, (object)value)
    {
    }

    /// <summary>A number.</summary>
    public MetadataOverride(string key, double value) : this(key, (object)value)
    {
    }

    /// <summary>A yes or no.</summary>
    public MetadataOverride(string key, bool value) : this(key, (object)value)
    {
    }

    /// <summary>A text.</summary>
    public MetadataOverride(string key, string value) : this(key, (object)value) => ArgumentNullException.ThrowIfNull(value);

    private MetadataOverride(string key, object value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        (Key, _value) = (key, value);
    }

    /// <summary>The key.</summary>
    public string Key { get; }

    private string Kind => _value switch { long => "int", double => "float", bool => "bool", _ => "str" };

    /// <summary>Reads KEY=TYPE:VALUE, as llama.cpp's --override-kv has it; TYPE is int, float, bool or str.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static MetadataOverride Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int equals = text.IndexOf('=', StringComparison.Ordinal), colon = equals < 0 ? -1 : text.IndexOf(':', equals);
        if (equals <= 0 || colon < 0) throw Invalid($"expected KEY=TYPE:VALUE, found '{text}'");
        string key = text[..equals], type = text[(equals + 1)..colon], value = text[(colon + 1)..];
        return type switch
        {
            "int" => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long integer)
                ? new MetadataOverride(key, integer) : throw Invalid($"{key}: expected an integer of 64 bits, found '{value}'"),
            "float" => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
                ? new MetadataOverride(key, number) : throw Invalid($"{key}: expected a finite number, found '{value}'"),
            "bool" => value is "true" or "false" ? new MetadataOverride(key, value == "true") : throw Invalid($"{key}: expected true or false, found '{value}'"),
            "str" => new MetadataOverride(key, value),
            _ => throw Invalid($"{key}: expected the type int, float, bool or str, found '{type}'"),
        };
    }

    /// <summary>The same text again.</summary>
    public override string ToString() => $"{Key}={Kind}:{(_value is bool flag ? (flag ? "true" : "false") : Convert.ToString(_value, CultureInfo.InvariantCulture))}";

    /// <summary>The value as a file would have it in the place of another one: its type and its bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="replaced">The type of what the file has; null: it has no such key.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: it has another kind, or the value is out of its type's range.</exception>
    internal (GgufValueType Type, byte[] Bytes) ValueFor(string path, GgufValueType? replaced)
    {
        byte[]? bytes = (_value, replaced) switch
        {
            (long value, null or GgufValueType.Int64) => BitConverter.GetBytes(value),
            (long value, GgufValueType.Int8) when value is >= sbyte.MinValue and <= sbyte.MaxValue => [(byte)value],
            (long value, GgufValueType.UInt8) when value is >= 0 and <= byte.MaxValue => [(byte)value],
            (long value, GgufValueType.Int16) when value is >= short.MinValue and <= short.MaxValue => BitConverter.GetBytes((short)value),
            (long value, GgufValueType.UInt16) when value is >= 0 and <= ushort.MaxValue => BitConverter.GetBytes((ushort)value),
            (long value, GgufValueType.Int32) when value is >= int.MinValue and <= int.MaxValue => BitConverter.GetBytes((int)value),
            (long value, GgufValueType.UInt32) when value is >= 0 and <= uint.MaxValue => BitConverter.GetBytes((uint)value),
            (long value, GgufValueType.UInt64) when value >= 0 => BitConverter.GetBytes(value),
            (double value, null or GgufValueType.Float64) => BitConverter.GetBytes(value),
            (double value, GgufValueType.Float32) when float.IsFinite((float)value) => BitConverter.GetBytes((float)value),
            (bool value, null or GgufValueType.Bool) => [value ? (byte)1 : (byte)0],
            (string value, null or GgufValueType.String) => WithLength(Encoding.UTF8.GetBytes(value)),
            _ => null,
        };
        GgufValueType type = replaced ?? _value switch
        {
            long => GgufValueType.Int64, double => GgufValueType.Float64, bool => GgufValueType.Bool, _ => GgufValueType.String,
        };
        return bytes is not null ? (type, bytes)
            : throw Invalid($"{path}: key {Key} is of type {type.Name()}, which cannot hold {Kind}:{_value}");
    }

    private static byte[] WithLength(byte[] utf8) => [.. BitConverter.GetBytes((ulong)utf8.Length), .. utf8];

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, $"override of metadata: {message}");
}
