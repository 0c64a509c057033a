using Edge.Llm.Gguf;
using Edge.Llm.Memory;

namespace Edge.Llm;

/// <summary>How a file is brought into memory.</summary>
public sealed record GgufOpenOptions
{
    /// <summary>Map the file (default); otherwise read it into owned memory, which nobody else can change.</summary>
    public bool UseMmap { get; init; } = true;

    /// <summary>Lock its bytes in physical memory; <see cref="GgufFile.LockWarning"/> tells when that failed.</summary>
    public bool Lock { get; init; }

    /// <summary>Values that take the place of the file's metadata.</summary>
    public IReadOnlyList<MetadataOverride> Overrides { get; init; } = [];
}

/// <summary>A GGUF model file, or the parts of a split one: metadata and tensors, checked when opened, in place.</summary>
public sealed class GgufFile : IDisposable
{
    private readonly List<GgufPart> _parts;
    private readonly List<Tensor> _tensors;
    private readonly Dictionary<string, int> _byName; // index in _tensors

    private GgufFile(List<GgufPart> parts)
    {
        _parts = parts;
        int count = parts.Sum(part => part.Tensors.Count);
        _tensors = new List<Tensor>(count);
        _byName = new Dictionary<string, int>(count);
        foreach (GgufPart part in parts)
        {
            foreach (Tensor tensor in part.Tensors)
            {
                if (!_byName.TryAdd(tensor.Name, _tensors.Count))
                    throw new EdgeLlmException(ErrorCode.InvalidFile, $"{part.File.Path}: tensor {tensor.Name} appears in another part too");
                _tensors.Add(tensor);
            }
        }
    }

    /// <summary>Version of the format: 2 or 3.</summary>
    public uint Version => _parts[0].Version;

    /// <summary>Alignment of tensor data in bytes.</summary>
    public uint Alignment => _parts[0].Alignment;

    /// <summary>Path of the file, or of the first part.</summary>
    public string Path => _parts[0].File.Path;

    /// <summary>Size of all parts in bytes.</summary>
    public long FileBytes => _parts.Sum(part => part.File.Length);

    /// <summary>The files it is split into.</summary>
    internal IReadOnlyList<GgufPart> Parts => _parts;

    /// <summary>Whether a path names one of its files, be it by way of links: writing there would destroy what is read.</summary>
    public bool IsPart(string path)
    {
        string real = RealPath.Of(path);
        return _parts.Any(part => RealPath.Of(part.File.Path) == real);
    }

    /// <summary>Number of files it is split into, 1 for most.</summary>
    public int PartCount => _parts.Count;

    /// <summary>Why its bytes could not be locked in memory, or null.</summary>
    public string? LockWarning => _parts.Select(part => part.File.LockWarning).FirstOrDefault(warning => warning is not null);

    /// <summary>Keys and values, of the first part when split.</summary>
    public GgufMetadata Metadata => _parts[0].Metadata;

    /// <summary>All tensors in file order. Their data live until <see cref="Dispose"/>.</summary>
    public IReadOnlyList<Tensor> Tensors => _tensors;

    /// <summary>Opens a file; of a split model, any part opens all. Reads nothing but headers.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, OutOfMemory; InvalidArgument: an override.</exception>
    public static GgufFile Open(string path, GgufOpenOptions? options = null)
    {
        options ??= new GgufOpenOptions();
        GgufFile file = Assemble(GgufSplit.OpenParts(path, part => OpenPart(part, options)));
        try
        {
            file.Metadata.Override(options.Overrides);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a copy of bytes in memory.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, OutOfMemory.</exception>
    public static GgufFile Open(ReadOnlyMemory<byte> bytes)
    {
        GgufPart part = ReadPart(MappedFile.FromBytes(bytes.Span, "(memory)"));
        return Assemble([part]);
    }

    /// <summary>Opens bytes in memory where they lie, without a copy. They must stay as they are until <see cref="Dispose"/>.</summary>
    /// <param name="data">The first byte, aligned to 32.</param>
    /// <param name="length">How many there are.</param>
    /// <param name="release">Is called once when they are no longer needed, also if opening fails.</param>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, OutOfMemory; InvalidArgument: the alignment.</exception>
    public static unsafe GgufFile Open(byte* data, long length, Action? release = null)
    {
        const int Alignment = 32;
        MappedFile file = MappedFile.Over(data, length, "(memory)", release);
        try
        {
            ArgumentNullException.ThrowIfNull(data);
            ArgumentOutOfRangeException.ThrowIfNegative(length);
            if ((nuint)data % Alignment != 0)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a model in memory: expected an address that is a multiple of {Alignment}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
        return Assemble([ReadPart(file)]);
    }

    /// <summary>Looks a tensor up.</summary>
    public bool TryGetTensor(string name, out Tensor tensor)
    {
        bool found = _byName.TryGetValue(name, out int index);
        tensor = found ? _tensors[index] : default;
        return found;
    }

    /// <summary>A tensor that must be there.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public Tensor GetTensor(string name) =>
        TryGetTensor(name, out Tensor tensor) ? tensor : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{Path}: missing tensor {name}");

    /// <summary>Throws when a mapped file has another size than when it was opened: its data must not be touched any more,
    /// for reading past the end of a mapped file kills the process.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public void CheckUnchanged()
    {
        foreach (GgufPart part in _parts) part.File.CheckUnchanged();
    }

    /// <summary>Asks the system to start reading all of a mapped file in the background.</summary>
    public void Prefetch()
    {
        foreach (GgufPart part in _parts) part.File.Prefetch();
    }

    /// <summary>Unmaps the file: metadata throw from now on, and tensors must not be touched.</summary>
    public void Dispose()
    {
        foreach (GgufPart part in _parts)
        {
            part.File.Dispose();
            part.Metadata.FreeOverrides();
        }
    }

    private static GgufPart OpenPart(string path, GgufOpenOptions options) => ReadPart(MappedFile.Open(path, options.UseMmap, options.Lock));

    private static GgufPart ReadPart(MappedFile file)
    {
        try
        {
            return new GgufPart(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static GgufFile Assemble(List<GgufPart> parts)
    {
        try
        {
            GgufSplit.Check(parts);
            return new GgufFile(parts);
        }
        catch
        {
            foreach (GgufPart part in parts) part.File.Dispose();
            throw;
        }
    }
}
