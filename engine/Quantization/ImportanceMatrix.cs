using System.Runtime.InteropServices;
using Edge.Llm.Memory;
using Edge.Llm.Quantization;

namespace Edge.Llm;

/// <summary>What an importance matrix knows of one weight tensor w[M,K], or of E experts' w[E,M,K].</summary>
/// <param name="SumsOfSquares">[E,K]: for each column the sum of the squares of the activations it was multiplied with.</param>
/// <param name="Counts">[E]: how many activation rows were added up, each expert's own; or [1], common to all.</param>
public sealed record ImportanceEntry(float[] SumsOfSquares, float[] Counts);

/// <summary>How much the columns of each weight tensor matter: sums of squared activations over a calibration text. Quantization then keeps
/// the error small where activations are large. The file is llama.cpp's: GGUF with a pair of F32 tensors a weight, <c>NAME.in_sum2</c> [K,E]
/// and <c>NAME.counts</c> [1,E], and keys <c>imatrix.*</c>; or, to read only, the binary <c>.dat</c> format that came before it.</summary>
public sealed class ImportanceMatrix
{
    private const string SumsSuffix = ".in_sum2", CountsSuffix = ".counts";
    private const string DatasetsKey = "imatrix.datasets", ChunkCountKey = "imatrix.chunk_count", ChunkSizeKey = "imatrix.chunk_size";

    private readonly SortedDictionary<string, ImportanceEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>The entries by the names of the weight tensors, for example <c>blk.0.attn_q.weight</c>, in ordinal order.</summary>
    public IReadOnlyDictionary<string, ImportanceEntry> Entries => _entries;

    /// <summary>The texts it was computed from.</summary>
    public IReadOnlyList<string> Datasets { get; set; } = [];

    /// <summary>Chunks of text evaluated.</summary>
    public int ChunkCount { get; set; }

    /// <summary>Tokens of a chunk; 0 if unknown.</summary>
    public int ChunkSize { get; set; }

    /// <summary>Adds or replaces the entry of a tensor.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: lengths do not fit, or a number is negative or not finite.</exception>
    public void Set(string tensor, float[] sumsOfSquares, float[] counts)
    {
        if (Check(sumsOfSquares, counts) is { } wrong) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"importance of {tensor}: {wrong}");
        _entries[tensor] = new ImportanceEntry(sumsOfSquares, counts);
    }

    /// <summary>The weights of a tensor's columns: mean squared activations, [experts,K]; 1 for an expert that was never used. Null if the
    /// matrix does not have the tensor.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it is there with another shape.</exception>
    public float[]? ColumnWeights(string tensor, long k, long experts)
    {
        if (!_entries.TryGetValue(tensor, out ImportanceEntry? entry)) return null;
        float[] sums = entry.SumsOfSquares, counts = entry.Counts;
        if (sums.Length != k * experts || (counts.Length != experts && counts.Length != 1))
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"importance matrix: tensor {tensor}: expected {k} columns for each of {experts} matrices, "
                + $"found {sums.Length} values and {counts.Length} counts");
        var weights = new float[sums.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            float count = counts[counts.Length == 1 ? 0 : i / k];
            weights[i] = count > 0 ? sums[i] / count : 1;
        }
        return weights;
    }

    /// <summary>Reads a file of either format.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, OutOfMemory.</exception>
    public static ImportanceMatrix Load(string path)
    {
        using (MappedFile file = MappedFile.Open(path))
            if (!HasGgufMagic(file))
                return LegacyImportanceMatrix.Read(file);

        using GgufFile gguf = GgufFile.Open(path);
        var matrix = new ImportanceMatrix
        {
            Datasets = gguf.Metadata.TryGetArray(DatasetsKey, out GgufArray datasets) ? datasets.GetStrings() : [],
            ChunkCount = gguf.Metadata.GetInt32(ChunkCountKey, 0),
            ChunkSize = gguf.Metadata.GetInt32(ChunkSizeKey, 0),
        };
        foreach (Tensor tensor in gguf.Tensors)
        {
            if (!tensor.Name.EndsWith(SumsSuffix, StringComparison.Ordinal)) continue;
            string name = tensor.Name[..^SumsSuffix.Length];
            if (!gguf.TryGetTensor(name + CountsSuffix, out Tensor counts)) throw Invalid(path, $"missing tensor {name}{CountsSuffix}");
            matrix.SetRead(path, name, Floats(path, tensor), Floats(path, counts));
        }
        if (matrix._entries.Count == 0) throw Invalid(path, $"not an importance matrix: no tensor's name ends in {SumsSuffix}");
        return matrix;
    }

    /// <summary>Writes the GGUF form; the file appears when it is complete.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it cannot be written.</exception>
    public void Save(string path) => AtomicFile.Write(path, WriteTo);

    /// <summary>Writes the GGUF form to a stream.</summary>
    public void WriteTo(Stream stream)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.type", "imatrix");
        writer.AddMetadata(DatasetsKey, [.. Datasets]);
        writer.AddMetadata(ChunkCountKey, (uint)ChunkCount);
        writer.AddMetadata(ChunkSizeKey, (uint)ChunkSize);
        var data = new List<float[]>();
        foreach ((string name, ImportanceEntry entry) in _entries)
        {
            int experts = entry.Counts.Length;
            writer.AddTensor(name + SumsSuffix, GgmlType.F32, entry.SumsOfSquares.Length / experts, experts);
            writer.AddTensor(name + CountsSuffix, GgmlType.F32, 1, experts);
            data.Add(entry.SumsOfSquares);
            data.Add(entry.Counts);
        }
        int next = 0;
        writer.WriteTo(stream, (_, output) => output.Write(MemoryMarshal.AsBytes(data[next++].AsSpan())));
    }

    /// <summary>Sets an entry that a file holds.</summary>
    internal void SetRead(string path, string tensor, float[] sumsOfSquares, float[] counts)
    {
        if (Check(sumsOfSquares, counts) is { } wrong) throw Invalid(path, $"{tensor}: {wrong}");
        if (!_entries.TryAdd(tensor, new ImportanceEntry(sumsOfSquares, counts))) throw Invalid(path, $"{tensor} appears twice");
    }

    private static string? Check(float[] sums, float[] counts)
    {
        if (counts.Length == 0 || sums.Length == 0 || sums.Length % counts.Length != 0)
            return $"{sums.Length} sums and {counts.Length} counts, expected a multiple";
        foreach (float[] values in (float[][])[sums, counts])
            if (Array.FindIndex(values, value => !(value >= 0 && float.IsFinite(value))) is >= 0 and int bad)
                return $"value {bad} of {(values == sums ? "the sums" : "the counts")} is {values[bad]}, expected a finite number of 0 or more";
        return null;
    }

    private static unsafe bool HasGgufMagic(MappedFile file) => file.Length >= 4 && new ReadOnlySpan<byte>(file.Data, 4).SequenceEqual("GGUF"u8);

    private static unsafe float[] Floats(string path, Tensor tensor)
    {
        if (tensor.Type != GgmlType.F32) throw Invalid(path, $"tensor {tensor.Name}: expected type F32, found {tensor.Type}");
        if (tensor.Elements > Array.MaxLength)
            throw Invalid(path, $"tensor {tensor.Name}: {tensor.Elements} values, expected at most {Array.MaxLength}");
        return new ReadOnlySpan<float>(tensor.Pointer, (int)tensor.Elements).ToArray();
    }

    private static EdgeLlmException Invalid(string path, string message) => new(ErrorCode.InvalidFile, $"{path}: {message}");
}
