using System.Text;
using System.Text.Unicode;
using Edge.Llm.Memory;

namespace Edge.Llm.Gguf;

/// <summary>One file as it lies on disk: header, metadata, tensor directory, all checked. A model has one or several.</summary>
internal sealed unsafe class GgufPart
{
    private const uint Magic = 0x46554747; // "GGUF"
    private const int MaxKeyBytes = 65535; // the specification's limit
    private const int MaxDimensions = 4;

    // An entry costs ten times its bytes or so in memory; these stay far above any model and keep a hostile directory to some tens of MB.
    private const int MaxKeys = 1 << 16;
    private const int MaxTensors = 1 << 16;

    /// <summary>Longest name of a tensor: more generous than ggml, which stops at 63.</summary>
    public const int MaxTensorNameBytes = 255;

    private readonly MappedFile _file;
    private readonly Tensor[] _tensors;

    /// <summary>Reads the directory of a file; the tensor data stay untouched.</summary>
    public GgufPart(MappedFile file)
    {
        _file = file;
        Metadata = new GgufMetadata(file);
        var reader = new GgufReader(file, 0);
        (Version, int tensorCount, int keyCount) = ReadHeader(ref reader);
        for (int i = 0; i < keyCount; i++) ReadKey(ref reader);
        Alignment = ReadAlignment();

        var entries = new List<Entry>(tensorCount);
        var names = new HashSet<string>(tensorCount);
        for (int i = 0; i < tensorCount; i++) entries.Add(ReadEntry(ref reader, names));
        reader.Entry = "";
        _tensors = Place(reader.Position, entries);
    }

    public uint Version { get; }
    public uint Alignment { get; }
    public GgufMetadata Metadata { get; }
    public MappedFile File => _file;

    /// <summary>The tensors in the order of the directory.</summary>
    public IReadOnlyList<Tensor> Tensors => _tensors;

    /// <summary>A tensor before the place of the data section is known.</summary>
    private readonly record struct Entry(Tensor Tensor, long Bytes, ulong RelativeOffset, long DirectoryOffset);

    private static (uint Version, int Tensors, int Keys) ReadHeader(ref GgufReader reader)
    {
        GgufReader start = reader;
        uint magic = reader.Read<uint>("GGUF header");
        if (magic != Magic) start.Fail($"not a GGUF file: magic 0x{magic:x8}, expected 0x{Magic:x8} (\"GGUF\")");
        uint version = reader.Read<uint>("GGUF header");
        // A small number in the other byte order has its low half zero.
        if (version != 0 && (version & 0xffff) == 0)
            reader.Fail("a big-endian GGUF file; only little-endian files are supported", ErrorCode.Unsupported);
        if (version is not (2 or 3)) reader.Fail($"GGUF version {version}, expected 2 or 3", ErrorCode.Unsupported);
        ulong tensors = reader.Read<ulong>("GGUF header");
        ulong keys = reader.Read<ulong>("GGUF header");

        // The least an entry takes: a key's length, type and a byte; a name's length, dimension count, type and offset.
        CheckCount(ref reader, "metadata entries", keys, MaxKeys, 8 + 4 + 1);
        CheckCount(ref reader, "tensors", tensors, MaxTensors, 8 + 4 + 4 + 8);
        return (version, (int)tensors, (int)keys);
    }

    private static void CheckCount(ref GgufReader reader, string what, ulong count, int limit, int leastBytes)
    {
        ulong room = (ulong)(reader.Remaining / leastBytes);
        if (count > room) reader.Fail($"the header counts {count} {what}, and the file has room for {room}");
        if (count > (ulong)limit) reader.Fail($"the header counts {count} {what}, expected at most {limit}");
    }

    private void ReadKey(ref GgufReader reader)
    {
        reader.Entry = "";
        string key = ReadName(ref reader, "key", MaxKeyBytes);
        reader.Entry = key;
        GgufValueType type = reader.ReadValueType();
        var value = new GgufValue(_file, key, type, reader.Position);
        reader.Skip(type);
        if (!Metadata.TryAdd(key, value)) reader.Fail("the key appears twice");
    }

    private static string ReadName(ref GgufReader reader, string what, int maxBytes)
    {
        ReadOnlySpan<byte> utf8 = reader.ReadString(what);
        if (utf8.Length > maxBytes) reader.Fail($"a {what} of {utf8.Length} bytes, expected at most {maxBytes}");
        if (!Utf8.IsValid(utf8)) reader.Fail($"a {what} that is not valid UTF-8");
        return Encoding.UTF8.GetString(utf8);
    }

    // The specification asks for a multiple of 8, llama.cpp for a power of two: both kinds that make sense are multiples of 8.
    private uint ReadAlignment()
    {
        uint alignment = Metadata.GetUInt32("general.alignment", 32);
        if (alignment == 0 || alignment % 8 != 0)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{_file.Path}: key general.alignment: expected a multiple of 8, found {alignment}");
        return alignment;
    }

    private static Entry ReadEntry(ref GgufReader reader, HashSet<string> names)
    {
        reader.Entry = "";
        long start = reader.Position;
        string name = ReadName(ref reader, "tensor name", MaxTensorNameBytes);
        reader.Entry = name;
        if (!names.Add(name)) reader.Fail("the tensor appears twice");
        uint rank = reader.Read<uint>("dimension count");
        if (rank > MaxDimensions) reader.Fail($"{rank} dimensions, expected at most {MaxDimensions}");
        Span<long> ne = [1, 1, 1, 1];
        long elements = 1;
        for (int i = 0; i < (int)rank; i++)
        {
            ne[i] = reader.Read<long>("dimension");
            if (ne[i] <= 0) reader.Fail($"dimension {i} is {(ulong)ne[i]}, expected 1 to {long.MaxValue}");
            if (!TryMultiply(ref elements, ne[i])) reader.Fail("the number of values overflows 63 bits");
        }
        var type = (GgmlType)reader.Read<uint>("tensor type");
        if (!GgmlTypes.TryGet(type, out GgmlTypeInfo? info)) reader.Fail($"unknown tensor type {(uint)type}", ErrorCode.Unsupported);
        if (ne[0] % info.BlockLength != 0)
            reader.Fail($"{ne[0]} values a row, expected a multiple of {info.BlockLength} for type {info.Name}");
        long bytes = elements / info.BlockLength;
        if (!TryMultiply(ref bytes, info.BlockBytes)) reader.Fail("the size in bytes overflows 63 bits");
        ulong offset = reader.Read<ulong>("tensor offset");
        return new Entry(new Tensor(name, type, 0, ne[0], ne[1], ne[2], ne[3]), bytes, offset, start);
    }

    private static bool TryMultiply(ref long product, long factor)
    {
        if (factor > long.MaxValue / product) return false;
        product *= factor;
        return true;
    }

    private Tensor[] Place(long directoryEnd, List<Entry> entries)
    {
        long dataStart = (directoryEnd + Alignment - 1) / Alignment * Alignment;
        ulong dataBytes = (ulong)Math.Max(0, _file.Length - dataStart);
        var tensors = new Tensor[entries.Count];
        for (int i = 0; i < tensors.Length; i++)
        {
            Entry entry = entries[i];
            if (entry.RelativeOffset % Alignment != 0)
                Fail(entry, $"data offset {entry.RelativeOffset}, expected a multiple of {Alignment}");
            if (entry.RelativeOffset > dataBytes || (ulong)entry.Bytes > dataBytes - entry.RelativeOffset)
                Fail(entry, $"{entry.Bytes} bytes at offset {entry.RelativeOffset} of the data section, which has {dataBytes} bytes (is the file complete?)");
            tensors[i] = entry.Tensor with { Data = (nint)_file.Data + (nint)(dataStart + (long)entry.RelativeOffset) };
        }
        CheckOverlap(entries);
        return tensors;
    }

    private void CheckOverlap(List<Entry> entries)
    {
        entries.Sort((a, b) => a.RelativeOffset.CompareTo(b.RelativeOffset));
        for (int i = 1; i < entries.Count; i++)
        {
            Entry before = entries[i - 1];
            if (entries[i].RelativeOffset < before.RelativeOffset + (ulong)before.Bytes)
                Fail(entries[i], $"its data at offset {entries[i].RelativeOffset} overlap tensor {before.Tensor.Name}");
        }
    }

    private void Fail(Entry entry, string message) =>
        new GgufReader(_file, entry.DirectoryOffset, entry.Tensor.Name).Fail(message);
}
