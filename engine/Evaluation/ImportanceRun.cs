using Edge.Llm.Evaluation;
using Edge.Llm.Ops;

namespace Edge.Llm;

/// <summary>Runs a text through a model, in chunks as for perplexity, and sums up the squares of what each weight matrix of the layers is
/// multiplied with: an importance matrix for quantization. The result depends on neither threads nor batches.</summary>
public sealed class ImportanceRun : IDisposable
{
    private const string Output = "output.weight";

    private readonly LanguageModel _model;
    private readonly TextChunks _chunks;
    private readonly int _bos;
    private readonly bool _includeOutput;
    private readonly Context _context;
    private readonly ImportanceSums _chunk = new();

    /// <summary>Prepares a run: a context is made. <paramref name="includeOutput"/> takes the output matrix too, which llama.cpp leaves out unless
    /// asked.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory.</exception>
    public ImportanceRun(LanguageModel model, Vocabulary vocabulary, TextChunks chunks, ContextOptions options, bool includeOutput = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(vocabulary);
        ArgumentNullException.ThrowIfNull(chunks);
        ArgumentNullException.ThrowIfNull(options);
        _model = model;
        _chunks = chunks;
        _bos = vocabulary.AddBos ? vocabulary.BosId : -1;
        _includeOutput = includeOutput;
        _context = model.CreateContext(ChunkRunner.ContextFor(options, model, chunks.Size));
        _context.Cpu.Observer = Observe;
    }

    /// <summary>Runs all chunks and adds what they bring to <paramref name="sums"/>, whole chunks only; after each,
    /// <paramref name="chunkDone"/> is called.</summary>
    /// <exception cref="EdgeLlmException">Cancelled, NonFinite, InvalidFile.</exception>
    public void Run(ImportanceSums sums, string dataset, Action? chunkDone, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(sums);
        for (int chunk = 0; chunk < _chunks.Count; chunk++)
        {
            // Logits are asked for at every position, or the last layer would skip the others.
            ChunkRunner.Run(_context, _chunks[chunk], _bos, wantedFrom: 0, (_, _) => { }, cancellation);
            sums.MoveChunk(_chunk, _chunks.Size, dataset);
            chunkDone?.Invoke();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _context.Dispose();

    private void Observe(FloatRows x, ReadOnlySpan<Product> products)
    {
        if (x.Count == 0) return;
        foreach ((Tensor weight, _, _, _, _) in products)
        {
            if (!weight.Name.StartsWith("blk.", StringComparison.Ordinal) && !(_includeOutput && weight.Name == Output)) continue;
            Tensor whole = _model.File.GetTensor(weight.Name);
            (long matrix, long within) = Math.DivRem(weight.Data - whole.Data, whole.RowBytes * whole.Ne1);
            if (within != 0) continue; // further rows of a fused tensor, whose input has been counted with its first ones
            _chunk.Add(_context.Cpu.Pool, weight.Name, (int)whole.Ne2, (int)matrix, x);
        }
    }
}
