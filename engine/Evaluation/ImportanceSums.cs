using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>Sums of squared activations as they grow: for each weight tensor and column, in double precision, so that neither threads nor
/// batches change them.</summary>
public sealed unsafe class ImportanceSums
{
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>Chunks of text in them.</summary>
    public int ChunkCount { get; private set; }

    /// <summary>Tokens of a chunk; 0 if unknown or mixed.</summary>
    public int ChunkSize { get; private set; }

    /// <summary>The texts they come from.</summary>
    public IReadOnlyList<string> Datasets { get; private set; } = [];

    /// <summary>Adds what is known of other texts.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: a tensor has another shape there.</exception>
    public void Add(ImportanceMatrix matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        foreach ((string name, ImportanceEntry read) in matrix.Entries)
            At(name, read.SumsOfSquares.Length, read.Counts.Length).Add(read.SumsOfSquares, read.Counts);
        ChunkSize = ChunkCount == 0 || ChunkSize == matrix.ChunkSize ? matrix.ChunkSize : 0;
        ChunkCount += matrix.ChunkCount;
        Datasets = [.. Datasets.Union(matrix.Datasets)];
    }

    /// <summary>The sums as a file holds them.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: a sum is beyond the range of float.</exception>
    public ImportanceMatrix ToMatrix()
    {
        var matrix = new ImportanceMatrix { Datasets = Datasets, ChunkCount = ChunkCount, ChunkSize = ChunkSize };
        foreach ((string name, Entry entry) in _entries)
            matrix.Set(name, Array.ConvertAll(entry.Sums, sum => (float)sum), Array.ConvertAll(entry.Counts, count => (float)count));
        return matrix;
    }

    /// <summary>Moves the sums of a chunk of a text into these.</summary>
    internal void MoveChunk(ImportanceSums chunk, int chunkSize, string dataset)
    {
        foreach ((string name, Entry entry) in chunk._entries) At(name, entry.Sums.Length, entry.Counts.Length).Move(entry);
        ChunkSize = ChunkCount == 0 || ChunkSize == chunkSize ? chunkSize : 0;
        ChunkCount++;
        if (!Datasets.Contains(dataset)) Datasets = [.. Datasets, dataset];
    }

    /// <summary>Adds rows of activations that one of a tensor's matrices is multiplied with.</summary>
    internal void Add(WorkerPool pool, string name, int matrices, int matrix, FloatRows x)
    {
        Entry entry = At(name, x.Width * matrices, matrices);
        entry.Counts[matrix] += x.Count;
        fixed (double* sums = entry.Sums)
        {
            var body = new SquaresBody { X = x, Sums = sums + ((long)matrix * x.Width) };
            int blocks = (x.Width + SquaresBody.Columns - 1) / SquaresBody.Columns;
            RowLoop<SquaresBody>.Run(pool, blocks, (long)x.Count * SquaresBody.Columns * sizeof(float), ref body);
        }
    }

    private Entry At(string name, int sums, int counts)
    {
        if (!_entries.TryGetValue(name, out Entry? entry)) _entries.Add(name, entry = new Entry(new double[sums], new double[counts]));
        if (entry.Sums.Length != sums || entry.Counts.Length != counts)
            throw new EdgeLlmException(ErrorCode.InvalidArgument,
                $"importance of {name}: {sums} sums and {counts} counts, expected {entry.Sums.Length} and {entry.Counts.Length}: of another model?");
        return entry;
    }

    private sealed record Entry(double[] Sums, double[] Counts)
    {
        public void Add(float[] sums, float[] counts)
        {
            for (int i = 0; i < sums.Length; i++) Sums[i] += sums[i];
            for (int i = 0; i < counts.Length; i++) Counts[i] += counts[i];
        }

        public void Move(Entry other)
        {
            for (int i = 0; i < Sums.Length; i++) Sums[i] += other.Sums[i];
            for (int i = 0; i < Counts.Length; i++) Counts[i] += other.Counts[i];
            Array.Clear(other.Sums);
            Array.Clear(other.Counts);
        }
    }

    /// <summary>A "row" is a block of columns, over all tokens in ascending order.</summary>
    private struct SquaresBody : IRowBody
    {
        public const int Columns = 256;

        public FloatRows X;
        public double* Sums;

        public void Run(int row)
        {
            int first = row * Columns, end = Math.Min(first + Columns, X.Width);
            for (int t = 0; t < X.Count; t++)
            {
                float* x = X.Row(t);
                for (int i = first; i < end; i++) Sums[i] += (double)x[i] * x[i];
            }
        }
    }
}
