using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Edge.Llm.Gguf;

namespace Edge.Llm;

/// <summary>Writes a GGUF file in one pass: name the metadata and the tensors, then stream the tensors' data in that order.</summary>
public sealed class GgufWriter
{
    private const int HeaderBytes = 4 + 4 + 8 + 8; // "GGUF", version, counts of tensors and keys

    private readonly uint _version;
    private readonly uint _alignment;
    private readonly ArrayBufferWriter<byte> _metadata = new();
    private readonly ArrayBufferWriter<byte> _directory = new();
    private readonly HashSet<string> _keys = [];
    private readonly HashSet<string> _names = [];
    private readonly List<Tensor> _tensors = [];
    private long _dataBytes;

    /// <summary>Starts a file; another alignment than 32 is written as <c>general.alignment</c>.</summary>
    public GgufWriter(uint alignment = 32, uint version = 3)
    {
        if (alignment == 0 || alignment % 8 != 0) throw Invalid($"alignment {alignment}, expected a multiple of 8");
        if (version is not (2 or 3)) throw Invalid($"GGUF version {version}, expected 2 or 3");
        _version = version;
        _alignment = alignment;
        if (alignment != 32) AddMetadata("general.alignment", alignment);
    }

    /// <summary>The tensors named so far; their data are not here.</summary>
    public IReadOnlyList<Tensor> Tensors => _tensors;

    /// <summary>Size of the file with what was added so far.</summary>
    public long FileBytes => AlignUp(HeaderBytes + _metadata.WrittenCount + _directory.WrittenCount) + _dataBytes;

    /// <summary>Adds a number or a bool: the value type follows <typeparamref name="T"/>.</summary>
    public void AddMetadata<T>(string key, T value) where T : unmanaged
    {
        GgufValueType type = GgufValueTypes.Of<T>();
        BeginEntry(key, type);
        Append(_metadata, value);
    }

    /// <summary>Adds a string.</summary>
    public void AddMetadata(string key, string value)
    {
        BeginEntry(key, GgufValueType.String);
        AppendString(_metadata, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>Adds an array of numbers or bools.</summary>
    public void AddMetadata<T>(string key, T[] values) where T : unmanaged
    {
        GgufValueType type = GgufValueTypes.Of<T>();
        BeginEntry(key, GgufValueType.Array);
        AppendArray(type, values);
    }

    /// <summary>Adds an array of arrays of numbers or bools.</summary>
    public void AddMetadata<T>(string key, T[][] values) where T : unmanaged
    {
        GgufValueType type = GgufValueTypes.Of<T>();
        BeginEntry(key, GgufValueType.Array);
        AppendArrayHeader(GgufValueType.Array, values.Length);
        foreach (T[] inner in values) AppendArray(type, inner);
    }

    /// <summary>Adds an array of strings.</summary>
    public void AddMetadata(string key, string[] values) =>
        AddUtf8Strings(key, Array.ConvertAll(values, value => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(value)));

    /// <summary>Adds an array of strings given as bytes.</summary>
    public void AddUtf8Strings(string key, IReadOnlyCollection<ReadOnlyMemory<byte>> values)
    {
        BeginEntry(key, GgufValueType.Array);
        AppendArrayHeader(GgufValueType.String, values.Count);
        foreach (ReadOnlyMemory<byte> value in values) AppendString(_metadata, value.Span);
    }

    /// <summary>Copies a value of another file.</summary>
    public void AddMetadata(string key, GgufValue value) => AddRaw(key, value.Type, value.Raw());

    /// <summary>Names the next tensor: <paramref name="dimensions"/> with the contiguous one (Ne0) first.</summary>
    public void AddTensor(string name, GgmlType type, params ReadOnlySpan<long> dimensions)
    {
        GgmlTypeInfo info = GgmlTypes.Get(type);
        if (dimensions.Length is < 1 or > 4) throw Invalid($"tensor {name}: {dimensions.Length} dimensions, expected 1 to 4");
        foreach (long dimension in dimensions)
            if (dimension <= 0) throw Invalid($"tensor {name}: a dimension of {dimension}, expected at least 1");
        if (dimensions[0] % info.BlockLength != 0)
            throw Invalid($"tensor {name}: {dimensions[0]} values a row, expected a multiple of {info.BlockLength} for type {info.Name}");
        if (!_names.Add(name)) throw Invalid($"tensor {name} added twice");

        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        if (utf8.Length > GgufPart.MaxTensorNameBytes)
            throw Invalid($"tensor {name}: a name of {utf8.Length} bytes, expected at most {GgufPart.MaxTensorNameBytes}");
        AppendString(_directory, utf8);
        Append(_directory, dimensions.Length);
        foreach (long dimension in dimensions) Append(_directory, dimension);
        Append(_directory, (uint)type);
        Append(_directory, _dataBytes);

        static long Ne(ReadOnlySpan<long> all, int i) => i < all.Length ? all[i] : 1;
        var tensor = new Tensor(name, type, 0, dimensions[0], Ne(dimensions, 1), Ne(dimensions, 2), Ne(dimensions, 3));
        _tensors.Add(tensor);
        _dataBytes = AlignUp(_dataBytes + tensor.Bytes);
    }

    /// <summary>Names a tensor like one of another file, perhaps of another type; outer dimensions of 1 are left out.</summary>
    public void AddTensor(Tensor like, GgmlType type)
    {
        ReadOnlySpan<long> ne = [like.Ne0, like.Ne1, like.Ne2, like.Ne3];
        AddTensor(like.Name, type, ne[..(Math.Max(0, ne.LastIndexOfAnyExcept(1L)) + 1)]);
    }

    /// <summary>Writes the file. <paramref name="writeData"/> is called for each tensor in order and must write exactly its bytes.</summary>
    public void WriteTo(Stream stream, Action<Tensor, Stream> writeData)
    {
        var output = new CountingStream(stream);
        var header = new ArrayBufferWriter<byte>();
        header.Write("GGUF"u8);
        Append(header, _version);
        Append(header, (long)_tensors.Count);
        Append(header, (long)_keys.Count);
        output.Write(header.WrittenSpan);
        output.Write(_metadata.WrittenSpan);
        output.Write(_directory.WrittenSpan);
        Pad(output);
        foreach (Tensor tensor in _tensors)
        {
            long start = output.Count;
            writeData(tensor, output);
            if (output.Count - start != tensor.Bytes)
                throw Invalid($"tensor {tensor.Name}: {output.Count - start} bytes written, expected {tensor.Bytes}");
            Pad(output);
        }
        output.Flush();
    }

    /// <summary>Adds a value already encoded.</summary>
    internal void AddRaw(string key, GgufValueType type, ReadOnlySpan<byte> encoded)
    {
        BeginEntry(key, type);
        _metadata.Write(encoded);
    }

    private void BeginEntry(string key, GgufValueType type)
    {
        if (!_keys.Add(key)) throw Invalid($"key {key} added twice");
        AppendString(_metadata, Encoding.UTF8.GetBytes(key));
        Append(_metadata, (uint)type);
    }

    private void AppendArray<T>(GgufValueType type, T[] values) where T : unmanaged
    {
        AppendArrayHeader(type, values.Length);
        _metadata.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private void AppendArrayHeader(GgufValueType type, int count)
    {
        Append(_metadata, (uint)type);
        Append(_metadata, (long)count);
    }

    private static void AppendString(ArrayBufferWriter<byte> buffer, ReadOnlySpan<byte> utf8)
    {
        Append(buffer, (long)utf8.Length);
        buffer.Write(utf8);
    }

    private static void Append<T>(ArrayBufferWriter<byte> buffer, T value) where T : unmanaged =>
        buffer.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    private void Pad(CountingStream stream)
    {
        Span<byte> zeros = stackalloc byte[64];
        zeros.Clear();
        for (long left = AlignUp(stream.Count) - stream.Count; left > 0;)
        {
            int step = (int)Math.Min(left, zeros.Length);
            stream.Write(zeros[..step]);
            left -= step;
        }
    }

    private long AlignUp(long bytes) => (bytes + _alignment - 1) / _alignment * _alignment;

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, message);

    /// <summary>Passes writes on and counts them: the target need not know its position.</summary>
    private sealed class CountingStream(Stream inner) : Stream
    {
        public long Count { get; private set; }
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => Count;
        public override long Position { get => Count; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            inner.Write(buffer);
            Count += buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
