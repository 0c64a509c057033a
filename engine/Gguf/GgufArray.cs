using System.Collections;
using System.Numerics;
using System.Text;
using Edge.Llm.Gguf;
using Edge.Llm.Memory;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>A metadata array: where it lies in the file. Elements are decoded when asked for; usable until the file is disposed of.</summary>
public readonly struct GgufArray : IEnumerable<GgufValue>
{
    private readonly MappedFile _file;
    private readonly string _name;
    private readonly long _offset;

    internal GgufArray(MappedFile file, string name, GgufValueType elementType, int count, long offset)
    {
        _file = file;
        _name = name;
        _offset = offset;
        ElementType = elementType;
        Count = count;
    }

    /// <summary>Type of all elements.</summary>
    public GgufValueType ElementType { get; }

    /// <summary>Number of elements.</summary>
    public int Count { get; }

    /// <summary>The elements one by one, of any type: nested arrays are read this way.</summary>
    public IEnumerator<GgufValue> GetEnumerator()
    {
        var reader = new GgufReader(_file, _offset, _name);
        for (int i = 0; i < Count; i++)
        {
            yield return new GgufValue(_file, _name, ElementType, reader.Position);
            using Gate.Use use = _file.Hold();
            reader.Skip(ElementType);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The strings as bytes in place, with a table of where each begins.</summary>
    public Utf8Strings GetUtf8Strings()
    {
        if (ElementType != GgufValueType.String) throw WrongType("strings");
        using Gate.Use use = _file.Hold();
        var starts = new long[Count + 1];
        var reader = new GgufReader(_file, _offset, _name);
        reader.SkipStrings(Count, starts);
        starts[Count] = reader.Position;
        return new Utf8Strings(_file, starts);
    }

    /// <summary>All strings; bytes that are not UTF-8 become U+FFFD.</summary>
    public string[] GetStrings()
    {
        using Gate.Use use = _file.Hold();
        Utf8Strings utf8 = GetUtf8Strings();
        var strings = new string[utf8.Count];
        for (int i = 0; i < strings.Length; i++) strings[i] = Encoding.UTF8.GetString(utf8[i]);
        return strings;
    }

    /// <summary>All elements of any integer kind, each in the range of int.</summary>
    public int[] GetInt32s() => GetIntegers<int>();

    /// <summary>All elements of any integer kind, each in the range of uint.</summary>
    public uint[] GetUInt32s() => GetIntegers<uint>();

    /// <summary>All elements of any integer kind, each in the range of long.</summary>
    public long[] GetInt64s() => GetIntegers<long>();

    /// <summary>All elements, of any number kind.</summary>
    public float[] GetFloats()
    {
        if (ElementType == GgufValueType.Float32) return Copy<float>();
        var values = new float[Count];
        int i = 0;
        foreach (GgufValue element in this)
            values[i++] = element.TryGetNumber(out double number) ? (float)number : throw WrongType("numbers");
        return values;
    }

    /// <summary>All elements, bools.</summary>
    public bool[] GetBools()
    {
        var values = new bool[Count];
        int i = 0;
        foreach (GgufValue element in this)
            values[i++] = element.TryGetBool(out bool flag) ? flag : throw WrongType("bools");
        return values;
    }

    private T[] GetIntegers<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (ElementType == GgufValueTypes.Of<T>()) return Copy<T>();
        var values = new T[Count];
        int i = 0;
        foreach (GgufValue element in this)
        {
            if (!element.TryGetInteger(out Int128 integer)) throw WrongType("integers");
            if (integer < Int128.CreateTruncating(T.MinValue) || integer > Int128.CreateTruncating(T.MaxValue))
                throw Error($"element {i} is {integer}, out of the range of {GgufValueTypes.Of<T>().Name()}");
            values[i++] = T.CreateTruncating(integer);
        }
        return values;
    }

    private unsafe T[] Copy<T>() where T : unmanaged
    {
        if (Count == 0) return [];
        using Gate.Use use = _file.Hold();
        var reader = new GgufReader(_file, _offset, _name);
        return new ReadOnlySpan<T>(reader.Consume((ulong)Count * (ulong)sizeof(T), "array"), Count).ToArray();
    }

    private EdgeLlmException WrongType(string expected) => Error($"expected an array of {expected}, found an array of {ElementType.Name()}");

    private EdgeLlmException Error(string message) =>
        new(ErrorCode.InvalidFile, $"{_file.Path}: at offset {_offset}: {_name}: {message}");
}

/// <summary>Strings of a metadata array as bytes in place.</summary>
public sealed unsafe class Utf8Strings
{
    private readonly MappedFile _file;
    private readonly long[] _starts;

    internal Utf8Strings(MappedFile file, long[] starts)
    {
        _file = file;
        _starts = starts;
    }

    /// <summary>Number of strings.</summary>
    public int Count => _starts.Length - 1;

    /// <summary>The bytes of a string, without its length: valid until the file is disposed of.</summary>
    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            long text = _starts[index] + sizeof(ulong);
            return new ReadOnlySpan<byte>(_file.Data + text, (int)(_starts[index + 1] - text));
        }
    }
}
