using Edge.Llm.Backends;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Models;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>What it takes to run a model: threads, a KV cache and scratch. One forward pass at a time; several contexts may run side
/// by side over one model.</summary>
public sealed unsafe partial class InferenceContext : IDisposable
{
    private const int Idle = 0, Busy = 1, Disposed = 2;

    private readonly LanguageModel _model;
    private readonly WorkerPool _pool;
    private readonly KvCache _cache;
    private readonly Activations _activations;
    private readonly CpuBackend _cpu;
    private readonly BatchPlan _plan;
    private readonly Transformer _transformer;
    private int _state;

    internal InferenceContext(LanguageModel model, ContextOptions options)
    {
        _model = model;
        Options = options;
        KernelSet kernels = options.Isa is { } isa ? KernelSet.For(isa) : KernelSet.Default();
        _activations = Activations.Allocate(model.ActivationShape(options));
        try
        {
            _cache = new KvCache(model.KvShape(options), (int)LanguageModel.KvCapacity(options), options.ContextSize);
            _pool = new WorkerPool(options.Threads);
            _cpu = new CpuBackend(_pool, kernels, _activations.Scratch, _activations.ScratchStride, _activations.PackedQ8_K, _activations.PackedQ8_0x8);
            _plan = new BatchPlan(model.Config, _cache, _activations);
            _transformer = new Transformer(model.Config, model.Weights, _cpu, _activations, _cache);
        }
        catch
        {
            _pool?.Dispose();
            _activations.Dispose();
            throw;
        }
    }

    /// <summary>The model it runs.</summary>
    public LanguageModel Model => _model;

    /// <summary>The options in force, defaults filled in.</summary>
    public ContextOptions Options { get; }

    /// <summary>Bytes of the cache that are allocated so far.</summary>
    public long CacheBytes => _cache.AllocatedBytes;

    /// <summary>Bytes of scratch.</summary>
    public long ActivationBytes => _activations.Bytes;

    /// <summary>Blocks of 64 positions that no sequence holds.</summary>
    public int FreeCacheBlocks => _cache.FreeBlocks;

    /// <summary>Its threads, for work on the results of a pass.</summary>
    internal WorkerPool Pool => _pool;

    /// <summary>Sees the intermediates of forward passes, if set.</summary>
    internal Tracer? Tracer
    {
        get => _transformer.Tracer;
        set => _transformer.Tracer = value;
    }

    /// <summary>Sees the inputs of every matmul of forward passes, if set.</summary>
    internal MatMulObserver? MatMulObserver
    {
        get => _cpu.Observer;
        set => _cpu.Observer = value;
    }

    /// <summary>An empty sequence; dispose of it to give its cache blocks back.</summary>
    public Sequence NewSequence() => _cache.NewSequence();

    /// <summary>Runs a batch: its tokens join their sequences, and the logits that it asks for come back. On an error no sequence changes.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, Busy (a forward pass is under way), ContextFull, Cancelled, NonFinite,
    /// OutOfMemory, InvalidFile: the file changed its size.</exception>
    public Logits Forward(Batch batch, CancellationToken cancellation = default) => new(Run(batch, wantsHidden: false, cancellation));

    /// <summary>A vector for a text: the mean of the hidden states after the last norm (<c>result_norm</c>) over its tokens, on the scale of
    /// a unit vector if normalized. Needs room for the tokens in the cache while it runs.</summary>
    /// <returns>As many numbers as the model's embeddings have.</returns>
    /// <exception cref="EdgeLlmException">InvalidArgument: no tokens; otherwise as with <see cref="Forward"/>.</exception>
    public float[] Embed(ReadOnlySpan<int> tokens, bool normalize = true, CancellationToken cancellation = default)
    {
        if (tokens.IsEmpty) throw new EdgeLlmException(ErrorCode.InvalidArgument, "there are no tokens to embed");
        using Sequence sequence = NewSequence();
        var pool = new MeanPool(_model.Config.EmbeddingLength);
        var batch = new Batch();
        while (sequence.Length < tokens.Length)
        {
            batch.Clear();
            foreach (int token in tokens.Slice(sequence.Length, Math.Min(Options.BatchSize, tokens.Length - sequence.Length)))
                batch.Add(token, sequence, wantLogits: true);
            pool.Add(Run(batch, wantsHidden: true, cancellation));
        }
        return pool.Mean(normalize);
    }

    private FloatRows Run(Batch batch, bool wantsHidden, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Enter();
        try
        {
            _plan.Prepare(batch, wantsHidden);
            FloatRows rows = _transformer.Forward(_plan, cancellation);
            _plan.Commit();
            return rows;
        }
        finally
        {
            _plan.Leave();
            Leave();
        }
    }

    /// <summary>Ends the threads and frees cache and scratch.</summary>
    /// <exception cref="EdgeLlmException">Busy: a forward pass is under way.</exception>
    public void Dispose()
    {
        int found = Interlocked.CompareExchange(ref _state, Disposed, Idle);
        if (found == Busy) throw UnderWay();
        if (found == Disposed) return;
        _pool.Dispose();
        _cache.Dispose();
        _activations.Dispose();
    }

    // What follows, until Leave, has the context, its sequences and the file for itself.
    private void Enter()
    {
        int found = Interlocked.CompareExchange(ref _state, Busy, Idle);
        ObjectDisposedException.ThrowIf(found == Disposed, this);
        if (found == Busy) throw UnderWay();
        try
        {
            _model.Enter();
        }
        catch
        {
            Volatile.Write(ref _state, Idle);
            throw;
        }
    }

    private void Leave()
    {
        _model.Leave();
        Volatile.Write(ref _state, Idle);
    }

    private static EdgeLlmException UnderWay() => new(ErrorCode.Busy, "a forward pass is under way in this context");
}
