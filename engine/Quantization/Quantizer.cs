using Edge.Llm.Gguf;
using Edge.Llm.Memory;
using Edge.Llm.Quantization;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>How far a run has come.</summary>
/// <param name="Tensor">The tensor at work.</param>
/// <param name="Number">Its number, from 0.</param>
/// <param name="Starts">It has just begun.</param>
/// <param name="BytesDone">Bytes of the input done with.</param>
/// <param name="BytesTotal">All there are.</param>
public readonly record struct QuantizeProgress(PlannedTensor Tensor, int Number, bool Starts, long BytesDone, long BytesTotal);

/// <summary>Carries a plan out.</summary>
public static class Quantizer
{
    private const string QuantizationVersionKey = "general.quantization_version", FileTypeKey = "general.file_type";
    private const string AlignmentKey = "general.alignment", SplitPrefix = "split.", ImportancePrefix = "quantize.imatrix.";
    private const uint QuantizationVersion = 2; // of the block formats: GGML_QNT_VERSION

    /// <summary>The files that a plan writes to: one, or as many as the input has.</summary>
    public static IReadOnlyList<string> OutputPaths(QuantizePlan plan, string path)
    {
        const string Extension = ".gguf";
        int parts = plan.Input.PartCount;
        if (!plan.Options.KeepSplit || parts == 1) return [path];
        string prefix = path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase) ? path[..^Extension.Length] : path;
        return [.. Enumerable.Range(0, parts).Select(i => GgufSplit.PartPath(prefix, i, parts))];
    }

    /// <summary>Writes the new file. It appears when it is complete; until then, and after any failure, nothing is there.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: the output exists, or is the input. InvalidFile: a value is not finite, the input
    /// changes, the output cannot be written. Cancelled, OutOfMemory.</exception>
    public static void Run(QuantizePlan plan, string path, Action<QuantizeProgress>? progress = null, CancellationToken cancellation = default)
    {
        IReadOnlyList<string> paths = OutputPaths(plan, path);
        CheckOutputs(plan, paths);
        var run = new State(plan, progress, cancellation);
        using var converter = new TensorConverter(plan.Options.Threads == 0 ? CpuTopology.DefaultThreads() : plan.Options.Threads);
        IReadOnlyList<GgufPart> parts = plan.Input.Parts;
        if (paths.Count == 1)
        {
            GgufWriter writer = Header(plan, parts[0], plan.Tensors, split: false);
            AtomicFile.Write(path, stream => writer.WriteTo(stream, (_, output) => run.Next(converter, output)));
            return;
        }
        var files = new List<(string, Action<Stream>)>();
        int first = 0;
        for (int i = 0; i < parts.Count; i++)
        {
            GgufPart part = parts[i];
            IEnumerable<PlannedTensor> tensors = plan.Tensors.Skip(first).Take(part.Tensors.Count);
            first += part.Tensors.Count;
            files.Add((paths[i], stream => Header(plan, part, tensors, split: true).WriteTo(stream, (_, output) => run.Next(converter, output))));
        }
        AtomicFile.Write(files);
    }

    private static void CheckOutputs(QuantizePlan plan, IReadOnlyList<string> paths)
    {
        foreach (string path in paths)
        {
            if (plan.Input.IsPart(path))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{path}: the output is the input");
            if (!plan.Options.Overwrite && File.Exists(path))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{path} exists already");
        }
        if (FreeBytes(paths[0]) is { } free && free < plan.BytesAfter)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"cannot write {paths[0]}: {plan.BytesAfter} bytes needed, {free} free on its disk");
    }

    private static long? FreeBytes(string path)
    {
        try
        {
            return new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(path))!).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null; // then the disk itself will tell
        }
    }

    private static GgufWriter Header(QuantizePlan plan, GgufPart part, IEnumerable<PlannedTensor> tensors, bool split)
    {
        var writer = new GgufWriter(part.Alignment);
        bool isFirst = part == plan.Input.Parts[0];
        QuantizeOptions options = plan.Options;
        bool Replaced(string key) => key is AlignmentKey
            || (isFirst && key is QuantizationVersionKey) || (isFirst && key is FileTypeKey && plan.Type.Number >= 0)
            || (!split && key.StartsWith(SplitPrefix, StringComparison.Ordinal))
            || (options.Importance is not null && key.StartsWith(ImportancePrefix, StringComparison.Ordinal));
        foreach ((string key, GgufValue value) in part.Metadata)
            if (!Replaced(key)) writer.AddMetadata(key, value);
        if (isFirst)
        {
            writer.AddMetadata(QuantizationVersionKey, QuantizationVersion);
            if (plan.Type.Number >= 0) writer.AddMetadata(FileTypeKey, (uint)plan.Type.Number);
            if (options.Importance is { } matrix) AddImportance(writer, matrix, options.ImportancePath);
        }
        foreach (PlannedTensor tensor in tensors) writer.AddTensor(tensor.Source, tensor.Type);
        return writer;
    }

    private static void AddImportance(GgufWriter writer, ImportanceMatrix matrix, string path)
    {
        writer.AddMetadata(ImportancePrefix + "file", path);
        if (matrix.Datasets.Count > 0) writer.AddMetadata(ImportancePrefix + "dataset", matrix.Datasets[0]);
        writer.AddMetadata(ImportancePrefix + "entries_count", (uint)matrix.Entries.Count);
        if (matrix.ChunkCount > 0) writer.AddMetadata(ImportancePrefix + "chunks_count", (uint)matrix.ChunkCount);
    }

    /// <summary>Where a run is.</summary>
    private sealed class State(QuantizePlan plan, Action<QuantizeProgress>? progress, CancellationToken cancellation)
    {
        private readonly long _total = plan.BytesBefore;
        private readonly List<MappedFile> _files = [.. plan.Input.Parts.SelectMany(part => Enumerable.Repeat(part.File, part.Tensors.Count))];
        private int _next;
        private long _done;

        public void Next(TensorConverter converter, Stream output)
        {
            int number = _next++;
            PlannedTensor tensor = plan.Tensors[number];
            Report(tensor, number, true);
            bool converts = tensor.Type != tensor.Source.Type;
            // What is converted from floats is checked on the way, and a copy is a copy.
            if (converts ? GgmlTypes.Get(tensor.Source.Type).BlockLength > 1 : plan.Type.Type is not null) CheckFinite(tensor.Source);
            float[]? importance = converts ? ColumnWeights.Prepare(QuantizePlan.Importance(tensor.Source, plan.Options), tensor.Source.Ne0) : null;
            converter.Convert(tensor.Source, tensor.Type, importance, _files[number], output, bytes =>
            {
                _done += bytes;
                Report(tensor, number, false);
            });
        }

        private void CheckFinite(Tensor tensor)
        {
            _files[_next - 1].CheckUnchanged();
            if (GgufVerifier.CountNonFinite(tensor) is > 0 and long count)
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"tensor {tensor.Name}: {count} scales or values are not finite");
        }

        private void Report(PlannedTensor tensor, int number, bool starts)
        {
            if (cancellation.IsCancellationRequested) throw new EdgeLlmException(ErrorCode.Cancelled, "cancelled");
            progress?.Invoke(new QuantizeProgress(tensor, number, starts, _done, _total));
        }
    }
}
