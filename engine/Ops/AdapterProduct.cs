using Edge.Llm.Adapters;

namespace Edge.Llm.Ops;

/// <summary>Computes y += factor * B * (A * x) for some rows, in buffers that grow with what adapters need.</summary>
internal sealed unsafe class AdapterProduct(int batchSize) : IDisposable
{
    // Results wait here, some rows of B at a time: enough for the longest rows of one token, and little beside a workspace.
    private const int LeastResults = 1 << 16, ResultsPerToken = 512;

    private AdapterWidths _widths;
    private AlignedBuffer? _memory;
    private PackedActivations? _packed;
    private float* _low, _results;

    /// <summary>Bytes of its buffers.</summary>
    public long Bytes => _memory?.Bytes ?? 0;

    /// <summary>Bytes of the buffers that adapters need.</summary>
    public static long BytesFor(int batchSize, AdapterWidths widths) => Layout(batchSize, widths).Total;

    /// <summary>Makes room for adapters.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory.</exception>
    public void MakeRoom(Cpu cpu, AdapterWidths needed)
    {
        AdapterWidths widths = AdapterWidths.Max(_widths, needed);
        if (widths == _widths) return;
        (long results, long q8K, long q8_32, long total) = Layout(batchSize, widths);
        var memory = new AlignedBuffer(total);
        _memory?.Dispose();
        (_memory, _widths) = (memory, widths);
        _low = (float*)memory.Data;
        _results = (float*)(memory.Data + results);
        _packed = new PackedActivations(cpu.Pool, cpu.Float, memory.Data + q8K, memory.Data + q8_32);
    }

    /// <summary>y += factor * B * (A * x), of the rows of the pair that belong to a view of its weight.</summary>
    public void AddTo(Cpu cpu, LoraPair pair, Tensor view, FloatRows x, FloatRows y, float factor)
    {
        (Tensor a, Tensor b) = pair.Of(view);
        var low = new FloatRows(_low, x.Count, pair.Rank);
        MatMul.Run(cpu, _packed!, x, new Product(a, low));
        Add(cpu, b, low, y, factor * pair.Factor);
    }

    /// <summary>y += factor * B * (rows of A), a row for each token.</summary>
    public void AddTo(Cpu cpu, LoraPair pair, int* tokens, FloatRows y, float factor)
    {
        var low = new FloatRows(_low, y.Count, pair.Rank);
        RowOps.Embed(cpu, pair.A, tokens, low);
        Add(cpu, pair.B, low, y, factor * pair.Factor);
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose() => _memory?.Dispose();

    private void Add(Cpu cpu, Tensor b, FloatRows low, FloatRows y, float factor)
    {
        int most = Math.Max(LeastResults, batchSize * ResultsPerToken) / low.Count / 16 * 16;
        for (int first = 0; first < y.Width; first += most)
        {
            var results = new FloatRows(_results, low.Count, Math.Min(most, y.Width - first));
            MatMul.Run(cpu, _packed!, low, new Product(LoraPair.Rows(b, first, results.Width), results));
            RowOps.AddScaled(cpu, y, first, results, factor);
        }
    }

    private static (long Results, long Q8_K, long Q8_32, long Total) Layout(int batchSize, AdapterWidths widths)
    {
        long results = AlignedBuffer.RoundUp((long)batchSize * FloatRows.PaddedWidth(widths.Rank) * sizeof(float));
        long q8K = results + AlignedBuffer.RoundUp(Math.Max(LeastResults, (long)batchSize * ResultsPerToken) * sizeof(float));
        long q8_32 = q8K + AlignedBuffer.RoundUp(PackedActivations.BufferBytes(batchSize, widths.Q8_K));
        return (results, q8K, q8_32, q8_32 + AlignedBuffer.RoundUp(PackedActivations.BufferBytes(batchSize, widths.Q8_32)));
    }
}
