using Edge.Llm.Cache;
using Edge.Llm.Models;
using Edge.Llm.Models.Architectures;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>A model file, opened and checked: hyper-parameters and weights in place. Contexts run it; any number may share it, on any
/// threads. When it is disposed of while one of them computes, the file is closed as soon as that has ended.</summary>
public sealed class LanguageModel : IDisposable
{
    private readonly Lazy<ulong> _fingerprint;
    private int _uses = 1; // the passes under way, and its own until it is disposed of
    private int _disposed;

    private LanguageModel(GgufFile file, ModelConfig config, Weights weights)
    {
        File = file;
        Config = config;
        Weights = weights;
        _fingerprint = new Lazy<ulong>(() => ModelFingerprint.Of(file, config));
    }

    /// <summary>The file: metadata and tensors.</summary>
    public GgufFile File { get; }

    /// <summary>Its architecture, as the file names it.</summary>
    public string Architecture => Config.Architecture;

    /// <summary>Tokens in its vocabulary.</summary>
    public int VocabSize => Config.VocabSize;

    /// <summary>Tokens of context that it was made for.</summary>
    public int ContextLength => Config.ContextLength;

    internal ModelConfig Config { get; }

    /// <summary>Layers.</summary>
    public int BlockCount => Config.BlockCount;

    /// <summary>Query heads.</summary>
    public int HeadCount => Config.HeadCount;

    /// <summary>Heads of keys and values.</summary>
    public int HeadCountKv => Config.HeadCountKv;

    /// <summary>Numbers in an embedding.</summary>
    public int EmbeddingLength => Config.EmbeddingLength;

    internal Weights Weights { get; }

    /// <summary>Tells its keys and values from those of other models.</summary>
    internal ulong Fingerprint => _fingerprint.Value;

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

    /// <summary>The memory that a context of these options takes; allocates nothing.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public MemoryPlan Plan(ContextOptions? options = null)
    {
        options = Complete(options);
        return new MemoryPlan(File.FileBytes, KvCapacity(options) * KvShape(options).BlockBytes, Activations.Measure(ActivationShape(options)));
    }

    /// <summary>Makes a context: threads, cache and scratch to run the model with. What cannot fit this machine's memory (or the
    /// container's limit) fails here, with the plan, and not in the middle of a text.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, OutOfMemory, Unsupported.</exception>
    public InferenceContext CreateContext(ContextOptions? options = null)
    {
        options = Complete(options);
        MemoryPlan plan = Plan(options);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (plan.KvCache + plan.Activations > available)
            throw new EdgeLlmException(ErrorCode.OutOfMemory,
                $"a context of {options.ContextSize} tokens takes {plan}; this machine has {available} bytes of memory");
        return new InferenceContext(this, options);
    }

    /// <summary>Closes the file. Contexts over it can no longer compute.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Leave(); // its own use
    }

    /// <summary>Takes the file for a pass: it stays open until <see cref="Leave"/>.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: it changed its size.</exception>
    /// <exception cref="ObjectDisposedException"></exception>
    internal void Enter()
    {
        int uses = Volatile.Read(ref _uses);
        while (true)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this); // before the last use ends
            int found = Interlocked.CompareExchange(ref _uses, uses + 1, uses);
            if (found == uses) break;
            uses = found;
        }
        try
        {
            File.CheckUnchanged();
        }
        catch
        {
            Leave();
            throw;
        }
    }

    /// <summary>The pass has ended. The last use closes the file.</summary>
    internal void Leave()
    {
        if (Interlocked.Decrement(ref _uses) == 0) File.Dispose();
    }

    /// <summary>What the options say about the cache's blocks.</summary>
    internal KvShape KvShape(ContextOptions options) =>
        new(Config.BlockCount, Config.HeadCountKv, Config.KeyLength, Config.ValueLength, options.TypeK, options.TypeV);

    /// <summary>Blocks that the cache may hold.</summary>
    internal static long KvCapacity(ContextOptions options) => (long)Cache.KvShape.Blocks(options.ContextSize) * options.MaxSequences;

    /// <summary>What the options say about scratch.</summary>
    internal ActivationShape ActivationShape(ContextOptions options) => new(Config, Weights, options.BatchSize, options.LogitsRows, options.Threads);

    /// <summary>A model over an open file, which it owns from now on.</summary>
    internal static LanguageModel Open(GgufFile file, ModelOptions options)
    {
        Architecture architecture = Models.Architectures.Architecture.Of(file);
        ModelConfig config = architecture.ReadConfig(file);
        RopeConfig rope = config.Rope with
        {
            FreqBase = Positive(nameof(options.RopeFreqBase), options.RopeFreqBase ?? config.Rope.FreqBase),
            FreqScale = Positive(nameof(options.RopeFreqScale), options.RopeFreqScale ?? config.Rope.FreqScale),
        };
        config = config with { Rope = rope };
        return new LanguageModel(file, config, architecture.BindWeights(file, config));
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
    private ContextOptions Complete(ContextOptions? options)
    {
        options ??= new ContextOptions();
        options.Check();
        options = options with
        {
            ContextSize = options.ContextSizeFor(Config.ContextLength),
            LogitsRows = options.LogitsRows == 0 ? Math.Min(options.MaxSequences, options.BatchSize) : options.LogitsRows,
            Threads = options.Threads == 0 ? CpuTopology.DefaultThreads() : options.Threads,
        };
        if (KvCapacity(options) > int.MaxValue)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{options.MaxSequences} sequences of {options.ContextSize} tokens are too many");
        return options;
    }

    private static float Positive(string name, float value) => float.IsFinite(value) && value > 0
        ? value
        : throw new EdgeLlmException(ErrorCode.InvalidArgument, FormattableString.Invariant($"{name}: expected a number above 0, found {value}"));
}
