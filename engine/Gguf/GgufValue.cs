using System.Globalization;
using System.Text;
using Edge.Llm.Gguf;
using Edge.Llm.Memory;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>A metadata value: where it lies in the file. Nothing is decoded until asked; usable until the file is disposed of.</summary>
public readonly struct GgufValue
{
    private readonly MappedFile? _file;
    private readonly string _name;
    private readonly long _offset;

    internal GgufValue(MappedFile file, string name, GgufValueType type, long offset)
    {
        _file = file;
        _name = name;
        _offset = offset;
        Type = type;
    }

    /// <summary>Type as stored.</summary>
    public GgufValueType Type { get; }

    /// <summary>Type for people, arrays with their element type.</summary>
    public string TypeName => TryGetArray(out GgufArray array) ? "array of " + array.ElementType.Name() : Type.Name();

    private MappedFile File => _file ?? throw new InvalidOperationException("the value is empty");

    private GgufReader Reader => new(File, _offset, _name);

    /// <summary>Any integer kind (not bool).</summary>
    public bool TryGetInteger(out Int128 value)
    {
        using Gate.Use use = File.Hold();
        GgufReader reader = Reader;
        Int128? read = Type switch
        {
            GgufValueType.UInt8 => reader.Read<byte>("value"),
            GgufValueType.Int8 => reader.Read<sbyte>("value"),
            GgufValueType.UInt16 => reader.Read<ushort>("value"),
            GgufValueType.Int16 => reader.Read<short>("value"),
            GgufValueType.UInt32 => reader.Read<uint>("value"),
            GgufValueType.Int32 => reader.Read<int>("value"),
            GgufValueType.UInt64 => reader.Read<ulong>("value"),
            GgufValueType.Int64 => reader.Read<long>("value"),
            _ => null,
        };
        value = read.GetValueOrDefault();
        return read.HasValue;
    }

    /// <summary>Any number: float32, float64, or an integer kind.</summary>
    public bool TryGetNumber(out double value)
    {
        using Gate.Use use = File.Hold();
        GgufReader reader = Reader;
        if (Type == GgufValueType.Float32) value = reader.Read<float>("value");
        else if (Type == GgufValueType.Float64) value = reader.Read<double>("value");
        else if (TryGetInteger(out Int128 integer)) value = (double)integer;
        else
        {
            value = 0;
            return false;
        }
        return true;
    }

    /// <summary>A bool.</summary>
    public bool TryGetBool(out bool value)
    {
        using Gate.Use use = File.Hold();
        GgufReader reader = Reader;
        value = Type == GgufValueType.Bool && reader.Read<byte>("value") != 0;
        return Type == GgufValueType.Bool;
    }

    /// <summary>The bytes of a string, in place: valid until the file is disposed of, and UTF-8 only if the file is right.</summary>
    public bool TryGetUtf8(out ReadOnlySpan<byte> value)
    {
        GgufReader reader = Reader;
        value = Type == GgufValueType.String ? reader.ReadString("string") : default;
        return Type == GgufValueType.String;
    }

    /// <summary>A string; bytes that are not UTF-8 become U+FFFD.</summary>
    public bool TryGetString(out string value)
    {
        using Gate.Use use = File.Hold();
        bool found = TryGetUtf8(out ReadOnlySpan<byte> utf8);
        value = found ? Encoding.UTF8.GetString(utf8) : "";
        return found;
    }

    /// <summary>An array.</summary>
    public bool TryGetArray(out GgufArray value)
    {
        using Gate.Use use = File.Hold();
        GgufReader reader = Reader;
        value = default;
        if (Type != GgufValueType.Array) return false;
        (GgufValueType elementType, int count) = reader.ReadArrayHeader();
        value = new GgufArray(_file!, _name, elementType, count, reader.Position);
        return true;
    }

    /// <summary>The value for people: strings in full, arrays as their type and count.</summary>
    public override string ToString() =>
        TryGetArray(out GgufArray array) ? string.Create(CultureInfo.InvariantCulture, $"{array.ElementType.Name()}[{array.Count}]")
        : TryGetString(out string text) ? text
        : TryGetBool(out bool flag) ? (flag ? "true" : "false")
        : TryGetInteger(out Int128 integer) ? integer.ToString(CultureInfo.InvariantCulture)
        : Type == GgufValueType.Float32 ? Held<float>().ToString(CultureInfo.InvariantCulture)
        : Held<double>().ToString(CultureInfo.InvariantCulture);

    private T Held<T>() where T : unmanaged
    {
        using Gate.Use use = File.Hold();
        return Reader.Read<T>("value");
    }

    /// <summary>The bytes as the file holds them.</summary>
    internal unsafe ReadOnlySpan<byte> Raw()
    {
        GgufReader reader = Reader;
        reader.Skip(Type);
        return new ReadOnlySpan<byte>(_file!.Data + _offset, checked((int)(reader.Position - _offset)));
    }
}
