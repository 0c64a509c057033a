using Edge.Llm.Adapters;
using Edge.Llm.Cache;
using Edge.Llm.Models;
using Edge.Llm.Offload;
using Edge.Llm.Scheduling;
using Edge.Llm.Models.Architectures;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>A model file, opened and checked: hyper-parameters and weights in place. Contexts run it; any number may share it, on any
/// threads. When it is disposed of while one of them computes or reads the file, the file is closed as soon as that has ended.</summary>
public sealed partial class LanguageModel : IDisposable
{
    private const ulong Inexact = 0x9e3779b97f4a7c15; // tells keys and values with other bits than the CPU's

    private readonly Lazy<ulong> _fingerprint;
    private readonly Lazy<Tokenizer> _tokenizer;
    private readonly Lazy<ChatTemplate> _chatTemplate;
    private readonly Gate _gate;
    private readonly ModelOptions _options;
    private readonly List<LoraAdapter> _adapters = []; // that are loaded; also the lock around it

    private LanguageModel(GgufFile file, ModelSpec spec, RopeOverride rope, ModelOptions options)
    {
        File = file;
        Spec = spec;
        _options = options;
        _gate = new Gate(this, int.MaxValue, "", file.Dispose);
        _fingerprint = new Lazy<ulong>(() => Held(() => ModelFingerprint.Of(file, spec.Architecture, rope)));
        _tokenizer = new Lazy<Tokenizer>(() => Held(ReadTokenizer));
        _chatTemplate = new Lazy<ChatTemplate>(() => Held(() => ChatTemplate.FromGguf(file.Metadata, Tokenizer.Vocabulary)));
    }

    /// <summary>The file: metadata and tensors.</summary>
    public GgufFile File { get; }

    /// <summary>Its tokenizer, read when first asked for.</summary>
    /// <exception cref="EdgeLlmException">Unsupported, InvalidFile.</exception>
    public Tokenizer Tokenizer => _tokenizer.Value;

    /// <summary>Its chat template, read when first asked for.</summary>
    /// <exception cref="EdgeLlmException">Unsupported: it has none; InvalidArgument.</exception>
    public ChatTemplate ChatTemplate => _chatTemplate.Value;

    /// <summary>Its architecture, as the file names it.</summary>
    public string Architecture => Spec.Architecture;

    /// <summary>Tokens in its vocabulary.</summary>
    public int VocabSize => Spec.VocabSize;

    /// <summary>Tokens of context that it was made for.</summary>
    public int ContextLength => Spec.ContextLength;

    /// <summary>Layers.</summary>
    public int BlockCount => Spec.Layers.Length;

    /// <summary>Query heads of the first layer that has attention.</summary>
    public int HeadCount => Spec.Attention?.HeadCount ?? 0;

    /// <summary>Heads of keys and values of that layer.</summary>
    public int HeadCountKv => Spec.Attention?.HeadCountKv ?? 0;

    /// <summary>Numbers in a hidden state.</summary>
    public int EmbeddingLength => Spec.EmbeddingLength;

    /// <summary>Numbers in the vector of a text (<see cref="Context.Embed"/>), or scores (<see cref="Context.Rank"/>).</summary>
    public int VectorLength => Spec.Pooling.Steps is [.., var last] ? last.Linear.OutputLength : Spec.EmbeddingLength;

    /// <summary>Whether it predicts tokens; false: it only makes vectors of texts, or scores them.</summary>
    public bool HasLogits => Spec.HasLogits;

    /// <summary>Whether it scores texts (<see cref="Context.Rank"/>) and makes no vectors of them.</summary>
    public bool Ranks => Spec.Pooling.Kind == Pooling.Rank;

    internal ModelSpec Spec { get; }

    /// <summary>Tells its keys and values from those of other models.</summary>
    internal ulong Fingerprint => _fingerprint.Value;

    /// <summary>Tells what a context of a size, with the CPU's bits or without them, computes from what others compute.</summary>
    internal ulong FingerprintFor(int contextSize, bool isExact = true)
    {
        ulong own = Spec.IsLong(contextSize) ? ~Fingerprint : Fingerprint;
        return isExact ? own : own ^ Inexact;
    }

    /// <summary>Opens a GGUF file; of a split model, any part opens all.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, OutOfMemory, InvalidArgument.</exception>
    public static LanguageModel Open(string path, ModelOptions? options = null)
    {
        options ??= new ModelOptions();
        return OpenOwned(GgufFile.Open(path, new GgufOpenOptions { UseMmap = options.UseMmap, Lock = options.Lock }), options);
    }

    /// <summary>Opens a copy of a GGUF file's bytes.</summary>
    /// <exception cref="EdgeLlmException">As with a path.</exception>
    public static LanguageModel Open(ReadOnlyMemory<byte> bytes, ModelOptions? options = null) =>
        OpenOwned(GgufFile.Open(bytes), options ?? new ModelOptions());

    /// <summary>Opens a GGUF file's bytes where they lie: see <see cref="GgufFile.Open(byte*, long, Action?)"/>.</summary>
    /// <exception cref="EdgeLlmException">As with a path.</exception>
    public static unsafe LanguageModel Open(byte* data, long length, Action? release = null, ModelOptions? options = null) =>
        OpenOwned(GgufFile.Open(data, length, release), options ?? new ModelOptions());

    /// <summary>Makes a context: threads, cache and scratch to run the model with. What cannot fit this machine's memory (or the
    /// container's limit) fails here, with the plan, and not in the middle of a text.</summary>
    /// <param name="options">The options.</param>
    /// <param name="draft">A smaller model with the same tokens, which drafts what this one checks: the answers are the same, and come sooner. It stays
    /// the caller's.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument, OutOfMemory, Unsupported.</exception>
    public Context CreateContext(ContextOptions? options = null, LanguageModel? draft = null)
    {
        using Gate.Use use = _gate.Hold();
        if (draft is not null) CheckDraft(draft);
        options = Complete(options, draft);
        OffloadPlan? offload = OffloadOf(options);
        DraftPlan? drafts = draft is null ? null : new DraftPlan(draft, options, offload);
        CheckMemory(options, offload, drafts);
        AdapterSet adapters = AdapterSet.Of(options.Adapters, File);
        ModelRunner runner = NewRunner(options, offload);
        runner.Cache.Adapters = adapters;
        try
        {
            if (offload is not null) CheckMemory(options, offload, drafts); // a device may have taken fewer layers than planned
            OffloadReport report = offload?.Report ?? new OffloadReport([], null);
            if (options.PromptCache is { } folder)
            {
                ulong fingerprint = FingerprintFor(options.ContextSize, report.IsExact);
                runner.Cache.Files = new PromptCache(runner.Cache, folder, options.PromptCacheBytes, fingerprint, EngineVersion.Arithmetic);
            }
            Speculation? speculation = options.DraftTokens == 0 ? null : new Speculation(drafts?.Make(), options.Lookup, options.DraftTokens);
            return new Context(this, runner, options, speculation) { Offload = report };
        }
        catch
        {
            runner.Dispose();
            throw;
        }
    }

    /// <summary>Closes the file and its adapters, once what reads them at this moment has ended. Contexts over it can no longer compute.</summary>
    public void Dispose()
    {
        foreach (LoraAdapter adapter in Adapters()) adapter.Dispose();
        _gate.Close();
    }

    /// <summary>A model over an open file, which it owns from now on.</summary>
    internal static LanguageModel Open(GgufFile file, ModelOptions options)
    {
        file.Metadata.Override(options.Overrides);
        var rope = new RopeOverride(
            Positive(nameof(options.RopeFreqBase), options.RopeFreqBase), Positive(nameof(options.RopeFreqScale), options.RopeFreqScale));
        return new LanguageModel(file, Models.Architectures.Architecture.Open(file, rope), rope, options);
    }

    private static LanguageModel OpenOwned(GgufFile file, ModelOptions options)
    {
        try
        {
            return Open(file, options);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    // Replaces every number that stands for a default.
    private ContextOptions Complete(ContextOptions? options, LanguageModel? draft = null)
    {
        options ??= new ContextOptions();
        options.Check();
        bool drafts = options.Lookup || draft is not null;
        if (!drafts || options.DraftTokens == 0) options = options with { DraftTokens = drafts ? ContextOptions.DefaultDraftTokens : 0 };
        long rows = options.MaxSequences * (1L + options.DraftTokens);
        options = options with
        {
            ContextSize = options.ContextSizeFor(Spec.ContextLength),
            LogitsRows = options.LogitsRows == 0 ? (int)Math.Min(rows, options.BatchSize) : options.LogitsRows,
            Threads = options.Threads == 0 ? CpuTopology.DefaultThreads() : options.Threads,
        };
        if (Spec.Embedding.Positions is { } positions && options.ContextSize > positions.Ne1)
            throw new EdgeLlmException(ErrorCode.InvalidArgument,
                $"ContextSize: expected at most the {positions.Ne1} positions that this model has learned, found {options.ContextSize}");
        if (Spec.BothDirections)
        {
            // A text is one batch, and nothing of it is kept: its keys need not be small.
            int batch = Math.Max(options.BatchSize, Math.Min(options.ContextSize, ContextOptions.MaxBatchSize));
            options = options with { BatchSize = batch, TypeK = KvType.F32, TypeV = KvType.F32, PrefixSharing = false, PromptCache = null };
        }
        if ((long)options.MaxSequences * options.ContextSize / 64 > int.MaxValue)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{options.MaxSequences} sequences of {options.ContextSize} tokens are too many");
        return options;
    }

    private void CheckDraft(LanguageModel draft)
    {
        Vocabulary own = Tokenizer.Vocabulary, drafts = draft.Tokenizer.Vocabulary;
        if (drafts.Count > own.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"the draft model: expected at most {own.Count} tokens, found {drafts.Count}");
        for (int id = 0; id < drafts.Count; id++)
            if (!drafts.GetText(id).SequenceEqual(own.GetText(id)))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"the draft model: expected the tokens of the model, found another token {id}");
    }

    // What a context of a model asks of another one that drafts for it.
    private sealed class DraftPlan
    {
        private readonly LanguageModel _model;
        private readonly ContextOptions _options;

        public DraftPlan(LanguageModel model, ContextOptions options, OffloadPlan? before)
        {
            _model = model;
            _options = model.Complete(options.OfDraftModel);
            Offload = model.OffloadOf(_options, before);
        }

        public OffloadPlan? Offload { get; }

        public MemoryPlan Memory => _model.Held(() => _model.PlanOf(_options, Offload));

        public DraftModel Make() => new(_model.Held(() => _model.NewRunner(_options, Offload)));
    }

    private ModelRunner NewRunner(ContextOptions options, OffloadPlan? offload)
    {
        OffloadedLayers? offloaded = offload?.Make();
        try
        {
            if (offload is not null) _options.Offload!.Report?.Invoke(offload.Report);
            return new ModelRunner(Spec, File, _gate, options, offloaded, _options.Offload?.Lost);
        }
        catch
        {
            offloaded?.Dispose();
            throw;
        }
    }

    // The file stays open until the work is done.
    private T Held<T>(Func<T> work)
    {
        using Gate.Use use = _gate.Hold();
        return work();
    }

    private Tokenizer ReadTokenizer()
    {
        Tokenizer tokenizer = Tokenizer.FromGguf(File.Metadata);
        return tokenizer.Vocabulary.Count == VocabSize
            ? tokenizer
            : throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{File.Path}: the tokenizer has {tokenizer.Vocabulary.Count} tokens; token_embd.weight has {VocabSize} rows");
    }

    private static float? Positive(string name, float? value) => value is null || (float.IsFinite(value.Value) && value > 0)
        ? value
        : throw new EdgeLlmException(ErrorCode.InvalidArgument, FormattableString.Invariant($"{name}: expected a number above 0, found {value}"));
}
