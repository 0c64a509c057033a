using Edge.Llm.Kernels;
using Edge.Llm.Memory;
using Edge.Llm.Threading;

namespace Edge.Llm.Quantization;

/// <summary>Converts tensors, a slice of rows at a time: the slice's rows are shared out among threads, and while the next slice is computed
/// the last one is written.</summary>
internal sealed unsafe class TensorConverter : IDisposable
{
    private const long SliceBytes = 16 << 20;
    private const int ChunkValues = 1 << 15;

    private readonly RowEncoders _encoders;
    private readonly WorkerPool _pool;
    private readonly AlignedBuffer[] _slices;
    private readonly AlignedBuffer?[] _rows; // of each thread: values, then weights
    private readonly AlignedBuffer[] _memory;

    /// <summary>Starts the threads.</summary>
    public TensorConverter(int threads)
    {
        _encoders = RowEncoders.For(KernelSet.Default().Isa);
        _pool = new WorkerPool(threads);
        _slices = [new AlignedBuffer(SliceBytes), new AlignedBuffer(SliceBytes)];
        _rows = new AlignedBuffer?[threads];
        _memory = [.. Enumerable.Range(0, threads).Select(_ => new AlignedBuffer(RowEncoders.MemoryFloats * sizeof(float)))];
    }

    /// <summary>Writes a tensor in another type, or as it is. <paramref name="importance"/> has the weights of its columns, [Ne2 * Ne3, Ne0], or
    /// is null; <paramref name="done"/> is told of the bytes read after each slice.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: a value is not finite, or too large for the type.</exception>
    public void Convert(Tensor tensor, GgmlType type, float[]? importance, MappedFile file, Stream output, Action<long> done)
    {
        long rows = tensor.Elements / tensor.Ne0, sourceBytes = tensor.RowBytes, targetBytes = GgmlTypes.RowBytes(type, tensor.Ne0);
        long rowsPerSlice = Math.Clamp(SliceBytes / Math.Max(sourceBytes, targetBytes), 1, rows);
        Reserve(tensor.Ne0, rowsPerSlice * targetBytes);
        Task writing = Task.CompletedTask;
        try
        {
            for (long first = 0, slice = 0; first < rows; first += rowsPerSlice, slice++)
            {
                long count = Math.Min(rowsPerSlice, rows - first);
                byte* source = tensor.Pointer + first * sourceBytes;
                file.CheckUnchanged();
                file.Prefetch(source + count * sourceBytes, Math.Min(rowsPerSlice, rows - first - count) * sourceBytes);
                AlignedBuffer target = _slices[slice % 2]; // what was in it has been written: the wait for it is below
                if (type == tensor.Type) Buffer.MemoryCopy(source, target.Data, target.Bytes, count * targetBytes);
                else Convert(tensor, type, importance, first, count, source, target.Data);
                file.Release(source, count * sourceBytes);
                writing.GetAwaiter().GetResult();
                writing = Write(output, target, count * targetBytes);
                done(count * sourceBytes);
            }
        }
        finally
        {
            writing.GetAwaiter().GetResult(); // it reads a buffer
        }
    }

    public void Dispose()
    {
        _pool.Dispose();
        foreach (AlignedBuffer? buffer in _slices.Concat(_memory).Concat(_rows)) buffer?.Dispose();
    }

    private static Task Write(Stream output, AlignedBuffer buffer, long bytes) => Task.Run(() =>
    {
        for (long at = 0; at < bytes; at += 1 << 30)
            output.Write(new ReadOnlySpan<byte>(buffer.Data + at, (int)Math.Min(1 << 30, bytes - at)));
    });

    private void Reserve(long k, long sliceBytes)
    {
        for (int i = 0; i < _slices.Length; i++)
            if (_slices[i].Bytes < sliceBytes) Replace(ref _slices[i]!, sliceBytes);
        for (int i = 0; i < _rows.Length; i++)
            if ((_rows[i]?.Bytes ?? 0) < 2 * RowStride(k) * sizeof(float)) Replace(ref _rows[i], 2 * RowStride(k) * sizeof(float));
    }

    private static long RowStride(long k) => (k + 15) / 16 * 16;

    private static void Replace(ref AlignedBuffer? buffer, long bytes)
    {
        buffer?.Dispose();
        buffer = new AlignedBuffer(bytes);
    }

    private void Convert(Tensor tensor, GgmlType type, float[]? importance, long firstRow, long rows, byte* source, byte* target)
    {
        int k = checked((int)tensor.Ne0), rowsPerChunk = Math.Max(1, ChunkValues / k);
        fixed (float* columns = importance)
        {
            var body = new Body
            {
                Converter = this, Tensor = tensor, Encoder = _encoders[type], Columns = columns, K = k, Limit = Limit(tensor.Type, type),
                FirstRow = firstRow, Rows = rows, RowsPerChunk = rowsPerChunk, Source = source, Target = target,
                SourceBytes = tensor.RowBytes, TargetBytes = GgmlTypes.RowBytes(type, k), FirstBad = long.MaxValue,
            };
            _pool.Run(checked((int)((rows + rowsPerChunk - 1) / rowsPerChunk)), ref body);
            if (body.FirstBad != long.MaxValue) ThrowBad(tensor, type, body.FirstBad, body.Limit);
        }
    }

    // Half precision reads infinities as finite numbers above its largest; and it is what block scales are stored in.
    private static float Limit(GgmlType source, GgmlType target) =>
        source != GgmlType.F16 && target is GgmlType.F32 or GgmlType.BF16 or GgmlType.MXFP4 ? float.MaxValue : 65504;

    private void ThrowBad(Tensor tensor, GgmlType type, long index, float limit)
    {
        using var row = new AlignedBuffer(tensor.Ne0 * sizeof(float));
        (long number, long column) = Math.DivRem(index, tensor.Ne0);
        _encoders.Read(tensor.Type, tensor.Pointer + number * tensor.RowBytes, (int)tensor.Ne0, (float*)row.Data);
        float value = ((float*)row.Data)[column];
        throw new EdgeLlmException(ErrorCode.InvalidFile, tensor.Type == GgmlType.F16 || !float.IsFinite(value)
            ? $"tensor {tensor.Name}: row {number}, column {column} is not a finite number"
            : $"tensor {tensor.Name}: row {number}, column {column} is {value}, "
                + $"expected a magnitude of at most {limit} for type {GgmlTypes.Get(type).Name}");
    }

    private struct Body : IParallelBody
    {
        public TensorConverter Converter;
        public Tensor Tensor;
        public RowEncoder Encoder;
        public float* Columns;
        public int K;
        public float Limit;
        public long FirstRow, Rows, SourceBytes, TargetBytes;
        public int RowsPerChunk;
        public byte* Source, Target;
        public long FirstBad;

        public void Run(int chunk, int worker)
        {
            float* x = (float*)Converter._rows[worker]!.Data, weights = x + RowStride(K), memory = (float*)Converter._memory[worker].Data;
            long start = (long)chunk * RowsPerChunk, end = Math.Min(Rows, start + RowsPerChunk);
            for (long row = start; row < end; row++)
            {
                Converter._encoders.Read(Tensor.Type, Source + row * SourceBytes, K, x);
                if (RowReader.FindBad(x, K, Limit) is >= 0 and int bad)
                {
                    Bad((FirstRow + row) * K + bad);
                    return;
                }
                float* columns = Columns == null ? null : Columns + (FirstRow + row) / Tensor.Ne1 * K; // of the row's matrix
                if (Encoder.UsesWeights) Converter._encoders.Weigh(x, columns, K, weights);
                Encoder.Encode(x, weights, K, Target + row * TargetBytes, memory);
            }
        }

        // The first one of the slice, whichever thread finds its own first.
        private void Bad(long index)
        {
            long seen = Volatile.Read(ref FirstBad);
            while (index < seen)
            {
                long now = Interlocked.CompareExchange(ref FirstBad, index, seen);
                if (now == seen) return;
                seen = now;
            }
        }
    }
}
