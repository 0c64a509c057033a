using Edge.Llm.Adapters;
using Edge.Llm.Cache;
using Edge.Llm.Memory;
using Edge.Llm.Models;
using Edge.Llm.Ops;
using Edge.Llm.Scheduling;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>Is given logits as they are computed: those of the tokens from <paramref name="first"/> on, of all that are evaluated. They
/// are valid until it returns.</summary>
public delegate void LogitsHandler(Logits logits, int first);

/// <summary>What it takes to run a model: threads, a KV cache and a workspace. Its generations share forward passes, whichever threads
/// they are read on; other calls are one at a time. Several contexts may run side by side over one model. One that is never disposed of is
/// freed by the garbage collector, when neither it nor a generation of it is in use.</summary>
public sealed partial class Context : IDisposable
{
    private const int MaxChoices = 1024;

    private readonly ModelRunner _runner;
    private readonly Scheduler _scheduler;
    private readonly Lifetime _lifetime; // what a pass has computed is read after it: held until then

    internal Context(LanguageModel model, ModelRunner runner, ContextOptions options, Speculation? speculation)
    {
        Model = model;
        Options = options;
        _runner = runner;
        _lifetime = new Lifetime(this, () =>
        {
            runner.Dispose();
            speculation?.Dispose();
        });
        _scheduler = new Scheduler(runner, _lifetime, options.PromptShare, speculation);
    }

    /// <summary>The model it runs.</summary>
    public LanguageModel Model { get; }

    /// <summary>The options in force, defaults filled in.</summary>
    public ContextOptions Options { get; }

    /// <summary>Bytes of the cache that are allocated so far.</summary>
    public long CacheBytes => _runner.Cache.AllocatedBytes;

    /// <summary>Bytes of the workspace.</summary>
    public long ActivationBytes => _runner.WorkspaceBytes;

    /// <summary>Blocks of 64 positions that no sequence holds.</summary>
    public int FreeCacheBlocks => _runner.Cache.FreeBlocks;

    /// <summary>What went wrong last with the files of <see cref="ContextOptions.PromptCache"/>, or null. Texts are computed then.</summary>
    public string? PromptCacheWarning => _runner.Cache.Files?.Warning;

    /// <summary>The layers that run on devices. After one has failed (<see cref="DeviceLosses"/>) all run on the CPU.</summary>
    public OffloadReport Offload { get; internal init; } = new([], null);

    /// <summary>How often a device has failed: requests that were under way ended with PluginError, and its layers run on the CPU since then.</summary>
    public int DeviceLosses => _runner.Losses;

    /// <summary>Forward passes so far.</summary>
    public long Passes => _runner.Passes;

    /// <summary>The adapters of sequences that name none, also of those made before, once they are empty; of texts to embed or to rank as well.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: an adapter is of another model, disposed of or named twice, or a scale is not finite.</exception>
    public IReadOnlyList<AdapterScale> Adapters
    {
        get => Array.AsReadOnly(_runner.Cache.Adapters.Items);
        set => _runner.Cache.Adapters = SetOf(value);
    }

    /// <summary>Threads, kernels, and who looks on.</summary>
    internal Cpu Cpu => _runner.Cpu;

    /// <summary>An empty sequence. Dispose of it to give its cache blocks back.</summary>
    /// <param name="adapters">The adapters that its tokens are computed with; null: the context's when its first token comes.</param>
    /// <exception cref="EdgeLlmException">As with <see cref="Adapters"/>.</exception>
    public Sequence NewSequence(IReadOnlyList<AdapterScale>? adapters = null)
    {
        using Gate.Use use = _lifetime.Hold();
        AdapterSet? named = adapters is null ? null : SetOf(adapters);
        Sequence sequence = _runner.NewSequence();
        sequence.Use(named);
        return sequence;
    }

    /// <summary>Names the adapters of a sequence.</summary>
    /// <param name="sequence">A sequence that is empty, or was computed with just these.</param>
    /// <param name="adapters">The adapters; null: the context's.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: it holds tokens that were computed with others, or belongs to another context; and as with
    /// <see cref="Adapters"/>. Busy.</exception>
    public void SetAdapters(Sequence sequence, IReadOnlyList<AdapterScale>? adapters)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        using Gate.Use use = _lifetime.Hold();
        if (!sequence.IsOf(_runner.Cache))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "the sequence was disposed of or belongs to another context");
        sequence.Use(adapters is null ? null : SetOf(adapters));
    }

    /// <summary>Generates what follows a prompt, token by token as the result is read. Generations that go on at the same time share
    /// forward passes; each gets the tokens that it would get alone.</summary>
    /// <param name="prompt">All tokens of the text so far.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="sequence">Where it happens; it stays the caller's and has one generation at a time. What it holds of the prompt is not
    /// computed again. Null is a new one, given back at the end.</param>
    /// <param name="cancellation">Ends the generation with <see cref="FinishReason.Cancelled"/>.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument. ContextFull: the prompt does not fit. Busy: the sequence has a generation. Reading
    /// the result can bring NonFinite and ContextFull, too.</exception>
    public Generation Generate(
        IReadOnlyList<int> prompt, GenerateOptions? options = null, Sequence? sequence = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        using Gate.Use use = _lifetime.Hold();
        return _scheduler.Generate([.. prompt], Model.Tokenizer, options ?? new GenerateOptions(), AdaptersOf(options), sequence, cancellation);
    }

    /// <summary>Generates what follows a text.</summary>
    /// <inheritdoc cref="Generate(IReadOnlyList{int}, GenerateOptions?, Sequence?, CancellationToken)"/>
    public Generation Generate(string prompt, GenerateOptions? options = null, Sequence? sequence = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return Generate(Model.Tokenizer.EncodePrompt(prompt), options, sequence, cancellation);
    }

    /// <summary>Generates several answers to one prompt, which is computed once. The first one is that of
    /// <see cref="Generate(IReadOnlyList{int}, GenerateOptions?, Sequence?, CancellationToken)"/>; the others have its seed and the next numbers of
    /// <see cref="GenerateOptions.Choice"/>. Each is an answer by itself, to read, to cancel and to dispose of.</summary>
    /// <param name="prompt">All tokens of the text so far.</param>
    /// <param name="count">How many answers.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="cancellation">Ends all of them with <see cref="FinishReason.Cancelled"/>.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull: the prompt does not fit.</exception>
    public IReadOnlyList<Generation> GenerateChoices(
        IReadOnlyList<int> prompt, int count, GenerateOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (count is < 1 or > MaxChoices)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(count)}: expected 1 to {MaxChoices}, found {count}");
        using Gate.Use use = _lifetime.Hold();
        return _scheduler.GenerateChoices([.. prompt], Model.Tokenizer, options ?? new GenerateOptions(), AdaptersOf(options), count, cancellation);
    }

    /// <summary>Drives one step, a forward pass for all generations that fit into it. Who reads generations with <see cref="Generation.MoveNext"/> needs no
    /// such call.</summary>
    /// <returns>Generations that need more steps.</returns>
    /// <exception cref="EdgeLlmException">Busy: another call computes in this context. InvalidFile: the file changed its size.</exception>
    public int Step()
    {
        using Gate.Use use = _lifetime.Hold();
        return _scheduler.StepForAll();
    }

    /// <summary>Starts a thread that drives the steps of all generations, now and later, until the context is disposed of. Readers then wait for it.</summary>
    public void StartThread()
    {
        using Gate.Use use = _lifetime.Hold();
        _scheduler.StartThread();
    }

    /// <summary>Runs a batch: its tokens join their sequences, and the logits that it asks for come back, valid until the next pass. On an
    /// error no sequence changes.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, Busy, ContextFull, Cancelled, NonFinite, OutOfMemory, InvalidFile: the file
    /// changed its size.</exception>
    public Logits Forward(Batch batch, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using Gate.Use use = _lifetime.Hold();
        return new Logits(_runner.Forward(batch, cancellation: cancellation));
    }

    /// <summary>Runs the next tokens of a sequence, however many, a batch at a time.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="tokens">Its next tokens.</param>
    /// <param name="wantedFrom">Index of the first token whose logits are wanted.</param>
    /// <param name="handle">Is given the logits of each batch; it is called without rows where none are wanted.</param>
    /// <param name="cancellation">Ends it; the sequence keeps the batches that were done.</param>
    /// <exception cref="EdgeLlmException">As with <see cref="Forward"/>.</exception>
    public void Evaluate(Sequence sequence, ReadOnlySpan<int> tokens, int wantedFrom, LogitsHandler? handle = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        using Gate.Use use = _lifetime.Hold();
        _runner.Evaluate(sequence, tokens, wantedFrom, wantsHidden: false, (rows, first) => handle?.Invoke(new Logits(rows), first), cancellation);
    }

    /// <summary>Bytes that <see cref="Save(Sequence, Stream)"/> writes for a sequence.</summary>
    public static long SavedBytes(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        return SequenceState.Bytes(sequence);
    }

    /// <summary>Writes a sequence, its tokens and what the cache holds of them, so that <see cref="Load(Sequence, Stream)"/> can go on with it later or
    /// elsewhere without computing it again. The same bits come back.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: the sequence belongs to another context. Busy.</exception>
    public void Save(Sequence sequence, Stream output)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(output);
        using Gate.Use use = _lifetime.Hold();
        _runner.With(sequence, held => State().Save(held, output));
    }

    /// <summary>Writes a sequence to a file, which appears under its name when it is complete: until then, what had the name stays.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it cannot be written, or the name is that of a pipe or a device; and as with a stream.</exception>
    public void Save(Sequence sequence, string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        RegularFile.RequireReplaceable(path);
        AtomicFile.Write(path, file => Save(sequence, file));
    }

    /// <summary>Replaces what a sequence holds by a saved one, of a context with the same model and cache types and of a sequence with the same
    /// adapters. After an error the sequence is empty.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: damaged. InvalidArgument: of another model, cache type or adapter. Unsupported: of another
    /// arithmetic version. Busy, ContextFull, OutOfMemory.</exception>
    public void Load(Sequence sequence, Stream input)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(input);
        using Gate.Use use = _lifetime.Hold();
        sequence.ForgetLost(); // nothing of it is kept
        _runner.With(sequence, held => State().Load(held, input));
    }

    /// <summary>Replaces what a sequence holds by the one saved in a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it cannot be read, or is a pipe or a device; and as with a stream.</exception>
    public void Load(Sequence sequence, string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using FileStream file = RegularFile.OpenRead(path);
        Load(sequence, file);
    }

    /// <summary>Ends the threads and frees cache and workspace; while a call or a step of a generation is under way, as soon as it has
    /// ended.</summary>
    public void Dispose()
    {
        _scheduler.Close();
        _lifetime.Dispose();
    }

    private AdapterSet? AdaptersOf(GenerateOptions? options) => options?.Adapters is { } adapters ? SetOf(adapters) : null;

    private AdapterSet SetOf(IReadOnlyList<AdapterScale> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        var set = AdapterSet.Of(adapters, Model.File);
        _runner.CheckAdapters(set);
        return set;
    }

    private SequenceState State() => new(Model.FingerprintFor(Options.ContextSize, Offload.IsExact), EngineVersion.Arithmetic, Model.VocabSize);
}
