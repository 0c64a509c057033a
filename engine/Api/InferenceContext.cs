using Edge.Llm.Backends;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Models;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>What it takes to run a model: threads, a KV cache and scratch. One forward pass at a time; several contexts may run side
/// by side over one model.</summary>
public sealed unsafe class InferenceContext : IDisposable
{
    private readonly LanguageModel _model;
    private readonly WorkerPool _pool;
    private readonly KvCache _cache;
    private readonly Activations _activations;
    private readonly CpuBackend _cpu;
    private readonly BatchPlan _plan;
    private readonly Transformer _transformer;
    private int _busy;
    private bool _disposed;

    internal InferenceContext(LanguageModel model, ContextOptions options)
    {
        _model = model;
        Options = options;
        KernelSet kernels = options.Isa is { } isa ? KernelSet.For(isa) : KernelSet.Default();
        _activations = Activations.Allocate(model.ActivationShape(options));
        _cache = new KvCache(model.KvShape(options), (int)LanguageModel.KvCapacity(options), options.ContextSize);
        _pool = new WorkerPool(options.Threads);
        _cpu = new CpuBackend(_pool, kernels, _activations.Scratch, _activations.ScratchStride, _activations.PackedQ8_K, _activations.PackedQ8_0x8);
        _plan = new BatchPlan(model.Config, _cache, _activations);
        _transformer = new Transformer(model.Config, model.Weights, _cpu, _activations, _cache);
    }

    /// <summary>The model it runs.</summary>
    public LanguageModel Model => _model;

    /// <summary>The options in force, defaults filled in.</summary>
    public ContextOptions Options { get; }

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
    /// <exception cref="EdgeLlmException">InvalidArgument (also when a forward pass is under way), ContextFull, Cancelled, NonFinite,
    /// OutOfMemory, InvalidFile: the file changed its size.</exception>
    public Logits Forward(Batch batch, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (Interlocked.Exchange(ref _busy, 1) != 0)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "a forward pass is under way in this context");
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _model.File.CheckUnchanged();
            _plan.Prepare(batch);
            var logits = new Logits(_transformer.Forward(_plan, cancellation));
            _plan.Commit();
            return logits;
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Ends the threads and frees cache and scratch.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: a forward pass is under way.</exception>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "a forward pass is under way in this context");
        if (!_disposed)
        {
            _disposed = true;
            _pool.Dispose();
            _cache.Dispose();
            _activations.Dispose();
        }
        Volatile.Write(ref _busy, 0);
    }
}
