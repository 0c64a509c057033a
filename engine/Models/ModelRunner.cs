using System.Diagnostics.CodeAnalysis;
using Edge.Llm.Adapters;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Models;

/// <summary>Is given rows of a pass: those of the tokens from <paramref name="first"/> on, of all that are evaluated.</summary>
internal delegate void RowsHandler(FloatRows rows, int first);

/// <summary>What it takes to run a model: threads, a cache and a workspace. One forward pass at a time.</summary>
internal sealed class ModelRunner : IDisposable
{
    private readonly ModelSpec _spec;
    private readonly GgufFile _file;
    private readonly Gate _model, _gate;
    private readonly ContextOptions _options;
    private readonly KernelSet _kernels;
    private readonly WorkerPool _pool;
    private readonly Batch _batch = new();
    private readonly Action<string>? _lost;
    private OffloadedLayers? _offloaded;
    private Workspace _workspace;
    private Workspace? _former; // it has the rows of the last pass
    private BatchPlan _plan;
    private Transformer _transformer;
    private AdaptedRows? _adapted; // made when a sequence has adapters

    /// <summary>Allocates; <paramref name="model"/> is held during each pass and keeps the file open. The runner owns the layers that run
    /// elsewhere from now on; <paramref name="lost"/> is told when they come back.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory, Unsupported.</exception>
    public ModelRunner(ModelSpec spec, GgufFile file, Gate model, ContextOptions options, OffloadedLayers? offloaded = null, Action<string>? lost = null)
    {
        (_spec, _file, _model, _options, _offloaded, _lost) = (spec, file, model, options, offloaded, lost);
        _gate = new Gate(this, 1, "a forward pass is under way in this context", Free);
        _kernels = options.Isa is { } isa ? KernelSet.For(isa) : KernelSet.Default();
        Cache = new KvCache(spec.CacheLayout(options.CacheSize), offloaded?.Stages);
        _pool = new WorkerPool(options.Threads);
        try
        {
            Allocate();
        }
        catch
        {
            _pool.Dispose();
            throw;
        }
    }

    /// <summary>What its sequences remember.</summary>
    public KvCache Cache { get; }

    /// <summary>Threads, kernels, and who looks on.</summary>
    public Cpu Cpu { get; private set; }

    /// <summary>How often a device has failed and its layers have come back to the CPU.</summary>
    public int Losses => Cache.Losses;

    /// <summary>Bytes of the workspace.</summary>
    public long WorkspaceBytes => _workspace.Bytes + (_adapted?.Bytes ?? 0);

    /// <summary>Tokens that a pass may take.</summary>
    public int BatchSize => _workspace.BatchSize;

    /// <summary>Rows of logits that a pass can give.</summary>
    public int LogitsRows => _transformer.LogitsRows;

    /// <summary>Tokens that the model knows.</summary>
    public int VocabSize => _spec.VocabSize;

    /// <summary>Passes so far.</summary>
    public long Passes { get; private set; }

    /// <summary>Bytes of the workspace that these options make, for texts with adapters whose products need some room.</summary>
    public static long Measure(ModelSpec spec, ContextOptions options, AdapterWidths adapters, OffloadedLayers? offloaded)
    {
        using var cache = new KvCache(spec.CacheLayout(options.CacheSize));
        return Workspace.Measure(options.BatchSize, options.Threads, workspace => Make(spec, cache, workspace, options, offloaded)).Bytes
            + (adapters == default ? 0 : AdapterProduct.BytesFor(options.BatchSize, adapters));
    }

    /// <summary>Runs a batch: its tokens join their sequences. On an error no sequence changes.</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="wantsHidden">Whether hidden states are wanted instead of logits.</param>
    /// <param name="hasEnded">Asked before each layer whether nobody needs the pass any more; it ends as a cancelled one then.</param>
    /// <param name="cancellation">Ends it, before the next layer.</param>
    /// <returns>The rows that the batch asks for: logits, or hidden states after the last norm. They are valid until the next pass.</returns>
    /// <exception cref="EdgeLlmException">InvalidArgument, Busy, ContextFull, Cancelled, NonFinite, OutOfMemory, InvalidFile: the file
    /// changed its size. PluginError: a device failed; its layers run on the CPU from the next pass on, in sequences that hold nothing yet.</exception>
    public FloatRows Forward(Batch batch, bool wantsHidden = false, Func<bool>? hasEnded = null, CancellationToken cancellation = default)
    {
        using Gate.Use pass = _gate.Hold();
        using Gate.Use model = _model.Hold();
        _file.CheckUnchanged();
        ComeBackIfLost();
        _former?.Dispose();
        _former = null;
        try
        {
            _plan.Prepare(batch, wantsHidden);
            BeginAdapters(batch);
            FloatRows rows = _transformer.Forward(Cpu, _plan, hasEnded, cancellation);
            _plan.Commit();
            Passes++;
            return rows;
        }
        finally
        {
            _adapted?.End();
            _plan.Release();
        }
    }

    /// <summary>Runs the next tokens of a sequence, a batch at a time, and hands on the rows of the tokens from
    /// <paramref name="wantedFrom"/> on. After an error the sequence has the tokens of the batches before.</summary>
    /// <exception cref="EdgeLlmException">As with <see cref="Forward"/>.</exception>
    public void Evaluate(Sequence sequence, ReadOnlySpan<int> tokens, int wantedFrom, bool wantsHidden, RowsHandler handle, CancellationToken cancellation)
    {
        int hiddenRows = _offloaded?.HasOutput == true ? Math.Min(BatchSize, OffloadedLayers.HiddenRows) : BatchSize;
        int maxRows = wantsHidden ? hiddenRows : LogitsRows;
        for (int at = 0; at < tokens.Length;)
        {
            int unwanted = Math.Clamp(wantedFrom - at, 0, Math.Min(BatchSize, tokens.Length - at));
            int wanted = Math.Min(Math.Min(BatchSize - unwanted, maxRows), tokens.Length - at - unwanted);
            _batch.Clear();
            _batch.Add(sequence, tokens.Slice(at, unwanted), LogitsOf.None);
            _batch.Add(sequence, tokens.Slice(at + unwanted, wanted), LogitsOf.All);
            FloatRows rows = Forward(_batch, wantsHidden, cancellation: cancellation);
            handle(rows, at + unwanted);
            at += unwanted + wanted;
        }
    }

    /// <summary>Throws where an adapter changes what runs on a device: no text may have it. Layers that a loaded adapter changes are on none.</summary>
    /// <exception cref="EdgeLlmException">Unsupported.</exception>
    public void CheckAdapters(AdapterSet adapters)
    {
        if (_offloaded is not { } offloaded) return;
        foreach (AdapterScale item in adapters.Items)
            if (offloaded.Weights.FirstOrDefault(item.Adapter.Changes) is { } name)
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"{item.Adapter.Path}: it changes {name}, which is on a device: load adapters before the context is made, or use n_gpu_layers 0");
    }

    /// <summary>What the model's head for texts makes of a vector.</summary>
    /// <exception cref="EdgeLlmException">Busy, NonFinite, InvalidArgument: an adapter is disposed of.</exception>
    public float[] Head(float[] vector, AdapterSet adapters)
    {
        using Gate.Use pass = _gate.Hold();
        using Gate.Use model = _model.Hold();
        try
        {
            if (!adapters.IsEmpty)
            {
                Adapted.Add(adapters, 1);
                Adapted.Begin([]);
            }
            return _transformer.Head(Cpu, vector);
        }
        finally
        {
            _adapted?.End();
        }
    }

    /// <summary>Does something with a sequence while no pass can use it.</summary>
    /// <exception cref="EdgeLlmException">Busy. InvalidArgument: the sequence is of another cache. PluginError: what it holds was lost with a
    /// device. OutOfMemory.</exception>
    public void With(Sequence sequence, Action<Sequence> work)
    {
        using Gate.Use pass = _gate.Hold();
        using Gate.Use model = _model.Hold();
        ComeBackIfLost();
        if (!sequence.IsOf(Cache))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "the sequence was disposed of or belongs to another context");
        sequence.Acquire();
        try
        {
            work(sequence);
        }
        finally
        {
            sequence.Release();
        }
    }

    /// <summary>An empty sequence.</summary>
    /// <exception cref="ObjectDisposedException">The runner is disposed of.</exception>
    public Sequence NewSequence()
    {
        ObjectDisposedException.ThrowIf(_gate.IsClosed, this);
        return Cache.NewSequence();
    }

    /// <summary>Ends the threads and frees cache and workspace, once the pass under way has ended.</summary>
    public void Dispose() => _gate.Close();

    private AdaptedRows Adapted => _adapted ??= new AdaptedRows(BatchSize, Cpu);

    [MemberNotNull(nameof(_workspace), nameof(_plan), nameof(_transformer), nameof(Cpu))]
    private unsafe void Allocate()
    {
        Workspace workspace = Workspace.Allocate(
            _options.BatchSize, _options.Threads, workspace => Make(_spec, Cache, workspace, _options, _offloaded), out (BatchPlan, Transformer) made);
        (_former, _workspace) = (_workspace, workspace);
        _adapted?.Dispose();
        _adapted = null; // it works for the former Cpu
        (_plan, _transformer) = made;
        var packed = new PackedActivations(_pool, _kernels.Float, _workspace.PackedQ8_K, _workspace.PackedQ8_32);
        Cpu = new Cpu(_pool, _kernels, _workspace.Scratch, _workspace.ScratchStride, packed) { Tracer = Cpu?.Tracer, Observer = Cpu?.Observer };
    }

    // The layers of a device that failed run here from now on. What its cache held is lost.
    private void ComeBackIfLost()
    {
        if (_offloaded is not { Loss: { } why } lost) return;
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (Cache.Layout.Bytes > available)
            throw new EdgeLlmException(ErrorCode.OutOfMemory,
                $"{why}; its layers cannot run on the CPU: with them the cache takes {Cache.Layout.Bytes} bytes, and this machine has {available}");
        _offloaded = null;
        try
        {
            Allocate();
        }
        catch
        {
            _offloaded = lost;
            throw;
        }
        Cache.LoseStores(lost);
        try
        {
            _lost?.Invoke($"offload: {why}; its layers run on the CPU from now on");
        }
        catch (Exception)
        {
            // A log that fails must not cost a pass.
        }
    }

    private void BeginAdapters(Batch batch)
    {
        bool any = false;
        foreach (Batch.Run run in batch.Runs) any |= !run.Sequence.PassAdapters.IsEmpty;
        if (!any) return;
        foreach (Batch.Run run in batch.Runs) Adapted.Add(run.Sequence.PassAdapters, run.Count);
        Adapted.Begin(batch.LogitsRows);
    }

    private static (BatchPlan, Transformer) Make(ModelSpec spec, KvCache cache, Workspace workspace, ContextOptions options, OffloadedLayers? offloaded) =>
        (new BatchPlan(spec, cache, workspace, options.LogitsRows), new Transformer(spec, cache.Layout, workspace, options.LogitsRows, offloaded));

    private void Free()
    {
        _pool.Dispose();
        Cache.Dispose();
        _workspace.Dispose();
        _former?.Dispose();
        _adapted?.Dispose();
        _offloaded?.Dispose();
    }
}
