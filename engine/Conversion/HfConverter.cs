using Edge.Llm.Conversion;

namespace Edge.Llm;

/// <summary>How a folder is converted.</summary>
public sealed record ConversionOptions
{
    /// <summary>The types that matrices can have.</summary>
    public static readonly IReadOnlyList<GgmlType> Types = [GgmlType.F32, GgmlType.F16, GgmlType.BF16, GgmlType.Q8_0];

    /// <summary>Type of the matrices, one of <see cref="Types"/>; null: each keeps its own, and its bits. (Rows that do not fill blocks of
    /// Q8_0 become F16. Vectors are F32.)</summary>
    public GgmlType? Type { get; init; }

    /// <summary>tokenizer.ggml.pre, where it cannot be found from the tokenizer's own files.</summary>
    public string? PreTokenizer { get; init; }
}

/// <summary>Makes a GGUF file of a model in Hugging Face's form: a folder with config.json, safetensors and the files of a tokenizer. The tensors
/// stay on disk until they are written, a few rows at a time.</summary>
public sealed class HfConverter : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly TensorPlan _plan;
    private readonly GgufWriter _writer = new();
    private readonly List<string> _notices;

    private HfConverter(string folder, Checkpoint checkpoint, ConversionOptions options, List<string> notices)
    {
        _checkpoint = checkpoint;
        _notices = notices;
        var files = new HfFolder(folder);
        HfConfig config = HfConfig.Read(files.Config, _notices);
        string architecture = config.Family.Architecture;
        _writer.AddMetadata("general.architecture", architecture);
        _writer.AddMetadata("general.type", "model");
        _writer.AddMetadata("general.name", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
        config.WriteTo(new ModelKeys(_writer, architecture));
        HfPooling.Write(files, architecture, config.Family.IsEncoder, _writer, _notices);

        _plan = new TensorPlan(checkpoint, config, options.Type);
        IEnumerable<IGrouping<GgmlType, ConvertedTensor>> byType = _plan.Tensors.GroupBy(tensor => tensor.Type);
        _writer.AddMetadata("general.file_type", FileType(options.Type ?? byType.MaxBy(group => group.Sum(tensor => tensor.Elements))!.Key));
        _writer.AddMetadata("general.quantization_version", 2u);
        _writer.AddMetadata($"{architecture}.vocab_size", (uint)_plan.VocabSize);
        new HfTokenizer(files, _plan.VocabSize, options.PreTokenizer, _notices).WriteTo(_writer);
        if (GenerationSettings.Notice(files) is { } settings) _notices.Add(settings);
        foreach (ConvertedTensor tensor in _plan.Tensors) _writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape);
    }

    /// <summary>What the file cannot say of the model, and what of the folder was left out.</summary>
    public IReadOnlyList<string> Notices => _notices;

    /// <summary>Size of the file to write.</summary>
    public long FileBytes => _writer.FileBytes;

    /// <summary>Values that were beyond the range of F16 and became its largest, once the file is written.</summary>
    public long Saturated { get; private set; }

    /// <summary>Reads and checks all but the tensors' data.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, InvalidArgument.</exception>
    public static HfConverter Open(string folder, ConversionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new ConversionOptions();
        if (options.Type is { } type && !ConversionOptions.Types.Contains(type))
            throw new EdgeLlmException(ErrorCode.InvalidArgument,
                $"{nameof(options.Type)}: expected one of {string.Join(", ", ConversionOptions.Types)}, found {type}");
        if (!Directory.Exists(folder))
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{folder}: {(File.Exists(folder) ? "not a folder" : "no such folder")}");
        var notices = new List<string>();
        Checkpoint checkpoint = Checkpoint.Open(folder, notices);
        try
        {
            return new HfConverter(folder, checkpoint, options, notices);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Writes the file; <paramref name="written"/> is told of bytes of tensors as they are written.</summary>
    /// <exception cref="EdgeLlmException">Cancelled; InvalidFile: a source file changed its size.</exception>
    public void WriteTo(Stream stream, Action<long>? written = null, CancellationToken cancellation = default)
    {
        using var copy = new TensorCopy(written ?? (_ => { }), cancellation);
        int next = 0;
        _writer.WriteTo(stream, (_, output) => copy.Write(_plan.Tensors[next++], output));
        Saturated = copy.Saturated;
    }

    /// <inheritdoc/>
    public void Dispose() => _checkpoint.Dispose();

    /// <summary>llama.cpp's numbers for files of mostly one type.</summary>
    private static uint FileType(GgmlType type) => type switch { GgmlType.F32 => 0, GgmlType.F16 => 1, GgmlType.Q8_0 => 7, GgmlType.MXFP4 => 38, _ => 32 };
}
