using Edge.Llm.Gguf;

namespace Edge.Llm;

/// <summary>Cuts a model file into parts as llama.cpp names and numbers them, and makes one file of parts. Tensors keep their bytes and order;
/// metadata go into the first part.</summary>
public sealed unsafe class GgufSplitter
{
    private const string AlignmentKey = "general.alignment";
    private const int CopyBytes = 16 << 20;

    private readonly GgufFile _file;
    private readonly List<Range> _parts = [];
    private readonly Action<long> _copied;
    private readonly CancellationToken _cancellation;

    /// <summary>Works on an open file, whole or in parts.</summary>
    /// <param name="file">The file.</param>
    /// <param name="copied">Is told of bytes of tensor data as they are copied.</param>
    /// <param name="cancellation">Ends the copying.</param>
    public GgufSplitter(GgufFile file, Action<long>? copied = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        _file = file;
        _copied = copied ?? (_ => { });
        _cancellation = cancellation;
    }

    /// <summary>The tensors of each part planned, as a range of <see cref="GgufFile.Tensors"/>.</summary>
    public IReadOnlyList<Range> Parts => _parts;

    /// <summary>Path of a part, counted from 0: <c>PREFIX-00001-of-00003.gguf</c>.</summary>
    public static string PartPath(string prefix, int number, int count) => GgufSplit.PartPath(prefix, number, count);

    /// <summary>Plans parts of at most this number of bytes (the whole file, not only its tensors) and of tensors. A tensor that is larger by
    /// itself gets a part of its own.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: more parts than the format can count.</exception>
    public void Plan(long maxBytes, int maxTensors)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTensors, 1);
        _parts.Clear();
        int first = 0;
        GgufWriter part = Begin(0, 0);
        for (int i = 0; i < _file.Tensors.Count; i++)
        {
            part.AddTensor(_file.Tensors[i], _file.Tensors[i].Type);
            if (i == first || (part.FileBytes <= maxBytes && i - first < maxTensors)) continue;
            _parts.Add(first..i);
            first = i;
            part = Begin(_parts.Count, 0);
            part.AddTensor(_file.Tensors[i], _file.Tensors[i].Type);
        }
        _parts.Add(first.._file.Tensors.Count);
        if (_parts.Count > ushort.MaxValue)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{_parts.Count} parts, expected at most {ushort.MaxValue}: allow larger ones");
    }

    /// <summary>Writes one of the parts planned.</summary>
    /// <exception cref="EdgeLlmException">Cancelled; InvalidFile: the file changed its size.</exception>
    public void WritePart(int number, Stream output)
    {
        GgufWriter writer = Begin(number, _parts.Count);
        (int first, int count) = _parts[number].GetOffsetAndLength(_file.Tensors.Count);
        Write(writer, first, count, output);
    }

    /// <summary>Writes all tensors and metadata as one file that is not split.</summary>
    /// <exception cref="EdgeLlmException">Cancelled; InvalidFile: the file changed its size.</exception>
    public void WriteMerged(Stream output)
    {
        var writer = new GgufWriter(_file.Alignment, _file.Version);
        AddMetadata(writer);
        Write(writer, 0, _file.Tensors.Count, output);
    }

    private GgufWriter Begin(int number, int count)
    {
        var writer = new GgufWriter(_file.Alignment, _file.Version);
        if (number == 0) AddMetadata(writer);
        writer.AddMetadata(GgufSplit.NumberKey, (ushort)number); // the types are llama.cpp's, which takes no others
        writer.AddMetadata(GgufSplit.CountKey, (ushort)count);
        writer.AddMetadata(GgufSplit.TensorsKey, _file.Tensors.Count);
        return writer;
    }

    // The writer itself adds the alignment, unless it is 32.
    private void AddMetadata(GgufWriter writer)
    {
        foreach ((string key, GgufValue value) in _file.Metadata)
            if (key is not (GgufSplit.NumberKey or GgufSplit.CountKey or GgufSplit.TensorsKey) && (key != AlignmentKey || _file.Alignment == 32))
                writer.AddMetadata(key, value);
    }

    private void Write(GgufWriter writer, int first, int count, Stream output)
    {
        for (int i = first; i < first + count; i++) writer.AddTensor(_file.Tensors[i], _file.Tensors[i].Type);
        int next = first;
        writer.WriteTo(output, (_, stream) => Copy(_file.Tensors[next++], stream));
    }

    private void Copy(Tensor tensor, Stream stream)
    {
        for (long done = 0; done < tensor.Bytes;)
        {
            if (_cancellation.IsCancellationRequested) throw new EdgeLlmException(ErrorCode.Cancelled, $"cancelled at tensor {tensor.Name}");
            _file.CheckUnchanged();
            int step = (int)Math.Min(CopyBytes, tensor.Bytes - done);
            stream.Write(new ReadOnlySpan<byte>(tensor.Pointer + done, step));
            done += step;
            _copied(step);
        }
    }
}
