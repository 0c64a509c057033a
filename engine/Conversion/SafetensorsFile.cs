using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using Edge.Llm.Memory;

namespace Edge.Llm.Conversion;

/// <summary>A tensor as safetensors holds it: rows of values, the last dimension contiguous.</summary>
/// <param name="File">Where it lies.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Type">F32, F16 or BF16; null for what cannot be a weight here.</param>
/// <param name="TypeName">The type as the file names it.</param>
/// <param name="Shape">Dimensions, the outermost first.</param>
/// <param name="Data">First byte.</param>
/// <param name="Bytes">Length of the data.</param>
internal sealed unsafe record SourceTensor(MappedFile File, string Name, GgmlType? Type, string TypeName, long[] Shape, nint Data, long Bytes)
{
    private const int ChunkBytes = 1 << 30; // a span's length is an int

    /// <summary>Whether two tensors have the same type, shape and bytes.</summary>
    public static bool AreSame(SourceTensor a, SourceTensor b)
    {
        if (a.TypeName != b.TypeName || !a.Shape.AsSpan().SequenceEqual(b.Shape)) return false;
        for (long at = 0; at < a.Bytes; at += ChunkBytes)
        {
            int count = (int)Math.Min(ChunkBytes, a.Bytes - at);
            if (!new ReadOnlySpan<byte>((byte*)a.Data + at, count).SequenceEqual(new ReadOnlySpan<byte>((byte*)b.Data + at, count))) return false;
        }
        return true;
    }
}

/// <summary>A safetensors file, mapped: the length of a header (uint64, little-endian), the header (a JSON object: for each tensor dtype, shape
/// and data_offsets), the data. The file is untrusted: all of the header is checked before anything else is touched.</summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    private const int MaxHeaderBytes = 100_000_000; // the format's own limit
    private const int MaxTensors = 1 << 16, MaxRank = 8;

    /// <summary>Bytes of a value of each type.</summary>
    private static readonly Dictionary<string, int> s_typeBytes = new()
    {
        ["F32"] = 4, ["F16"] = 2, ["BF16"] = 2, ["F64"] = 8, ["BOOL"] = 1, ["U8"] = 1, ["I8"] = 1, ["F8_E4M3"] = 1, ["F8_E5M2"] = 1, ["F8_E8M0"] = 1,
        ["U16"] = 2, ["I16"] = 2, ["U32"] = 4, ["I32"] = 4, ["U64"] = 8, ["I64"] = 8,
    };

    private readonly MappedFile _file;
    private readonly Dictionary<string, SourceTensor> _tensors = [];

    private SafetensorsFile(MappedFile file)
    {
        _file = file;
        if (file.Length < sizeof(ulong)) throw Invalid($"{file.Length} bytes: expected the length of a header and the header");
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(file.Data, sizeof(ulong)));
        if (headerBytes > MaxHeaderBytes || headerBytes > (ulong)(file.Length - sizeof(ulong)))
            throw Invalid($"a header of {headerBytes} bytes: expected at most {Math.Min(MaxHeaderBytes, file.Length - 8)} (is it safetensors?)");
        CheckedJson header = CheckedJson.Parse(file.Path, new ReadOnlySpan<byte>(file.Data + sizeof(ulong), (int)headerBytes).ToArray());
        ReadTensors(header, sizeof(ulong) + (long)headerBytes);
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SourceTensor> Tensors => _tensors;

    /// <summary>Opens a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static SafetensorsFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new SafetensorsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private void ReadTensors(CheckedJson header, long dataStart)
    {
        long dataBytes = _file.Length - dataStart;
        var places = new List<(long Begin, long End, string Name)>();
        foreach (JsonProperty member in header.Element.EnumerateObject())
        {
            string name = header.Name(member);
            if (name == "__metadata__") continue;
            if (places.Count == MaxTensors) throw Invalid($"more than {MaxTensors} tensors");
            var entry = new CheckedJson($"{_file.Path}: tensor {name}", member.Value);
            string typeName = entry.Text("dtype") ?? throw entry.Invalid("missing key dtype");
            if (!s_typeBytes.TryGetValue(typeName, out int valueBytes)) throw entry.Unsupported($"unknown dtype {typeName}");
            long[] shape = [.. entry.Array("shape").Select(element => Integer(entry, "shape", element))];
            if (shape.Length > MaxRank) throw entry.Invalid($"{shape.Length} dimensions, expected at most {MaxRank}");
            long[] offsets = [.. entry.Array("data_offsets").Select(element => Integer(entry, "data_offsets", element))];
            if (offsets.Length != 2) throw entry.Invalid($"data_offsets: expected two numbers, found {offsets.Length}");
            (long begin, long end) = (offsets[0], offsets[1]);
            if (begin > end || end > dataBytes)
                throw entry.Invalid($"data_offsets {begin} to {end}: expected a range of the {dataBytes} bytes of data (is the file complete?)");
            BigInteger expected = shape.Aggregate((BigInteger)valueBytes, (product, dimension) => product * dimension);
            if (expected != end - begin)
                throw entry.Invalid($"{end - begin} bytes at data_offsets, and {typeName} [{string.Join(", ", shape)}] takes {expected}");
            GgmlType? type = typeName switch { "F32" => GgmlType.F32, "F16" => GgmlType.F16, "BF16" => GgmlType.BF16, _ => null };
            if (!_tensors.TryAdd(name, new SourceTensor(_file, name, type, typeName, shape, (nint)(_file.Data + dataStart + begin), end - begin)))
                throw entry.Invalid("the tensor appears twice");
            if (end > begin) places.Add((begin, end, name));
        }
        places.Sort();
        for (int i = 1; i < places.Count; i++)
            if (places[i].Begin < places[i - 1].End) throw Invalid($"tensor {places[i].Name}: its data overlap tensor {places[i - 1].Name}");
    }

    private static long Integer(CheckedJson entry, string key, JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long value) && value >= 0
            ? value : throw entry.Invalid($"{key}: expected integers of 0 or more");

    private EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidFile, $"{_file.Path}: {message}");
}
