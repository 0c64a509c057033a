using Edge.Llm.Cache;

namespace Edge.Llm;

/// <summary>What a context is made for: memory follows from it.</summary>
public sealed record ContextOptions
{
    /// <summary>Tokens that a sequence may hold by default, if the model's own context length is not shorter: a cache for the 128 Ki tokens of
    /// some models takes more memory than many machines have.</summary>
    public const int DefaultContextSize = 4096;

    /// <summary>Tokens that one forward pass may take at most.</summary>
    internal const int MaxBatchSize = 1 << 16;

    /// <summary>Tokens that may be drafted by default, and at most.</summary>
    internal const int DefaultDraftTokens = 8, MaxDraftTokens = 64;

    /// <summary>Tokens that a sequence may hold; 0 is the model's own context length, -1 that or <see cref="DefaultContextSize"/>, the shorter.</summary>
    public int ContextSize { get; init; } = -1;

    /// <summary>Tokens that one forward pass may take.</summary>
    public int BatchSize { get; init; } = 512;

    /// <summary>Rows of logits that one forward pass may give; 0 is one a sequence (<see cref="MaxSequences"/>) and one a token that may be drafted
    /// for it.</summary>
    public int LogitsRows { get; init; }

    /// <summary>Threads; 0 is one a physical core, within the affinity mask and the cgroup quota.</summary>
    public int Threads { get; init; }

    /// <summary>Type of the cached keys.</summary>
    public KvType TypeK { get; init; } = KvType.F16;

    /// <summary>Type of the cached values.</summary>
    public KvType TypeV { get; init; } = KvType.F16;

    /// <summary>Sequences of full length that the cache has room for. There may be more, shorter ones.</summary>
    public int MaxSequences { get; init; } = 1;

    /// <summary>Drafts tokens of an answer from what stood in its text before: the answers are the same, and come sooner where they copy.</summary>
    public bool Lookup { get; init; }

    /// <summary>The share of the time that prompts may take while answers are under way, 0 to 1: with a half, an answer goes on at half its speed or
    /// more beside a long prompt. 1: a prompt fills each batch.</summary>
    public double PromptShare { get; init; } = 0.5;

    /// <summary>Tokens that may be drafted ahead of an answer for one pass; 0 is 8 where there is <see cref="Lookup"/> or a draft model.</summary>
    public int DraftTokens { get; init; }

    /// <summary>Whether a text goes on from what the cache still holds of another one with the same beginning, salt and adapters
    /// (<see cref="GenerateOptions.Salt"/>). No token depends on it.</summary>
    public bool PrefixSharing { get; init; } = true;

    /// <summary>A folder to keep texts in, so that a later process need not compute them again; null: none. It is made if need be.</summary>
    public string? PromptCache { get; init; }

    /// <summary>Bytes that the files of <see cref="PromptCache"/> may take; the ones used least recently are deleted.</summary>
    public long PromptCacheBytes { get; init; } = 4L << 30;

    /// <summary>The adapters of sequences that name none; <see cref="Context.Adapters"/> changes them.</summary>
    public IReadOnlyList<AdapterScale> Adapters { get; init; } = [];

    /// <summary>Instruction set to use instead of the best.</summary>
    internal Isa? Isa { get; init; }

    /// <summary>Tokens that a sequence may hold, for a model of this context length.</summary>
    public int ContextSizeFor(int contextLength) => ContextSize switch
    {
        0 => contextLength,
        -1 => Math.Min(contextLength, DefaultContextSize),
        _ => ContextSize,
    };

    /// <summary>The options of the draft model's cache beside a context of these.</summary>
    internal ContextOptions OfDraftModel => this with { LogitsRows = 0, DraftTokens = 0, Lookup = false, Adapters = [], PromptCache = null };

    /// <summary>What they say about the cache.</summary>
    internal CacheSize CacheSize => new(ContextSize, MaxSequences, BatchSize, TypeK, TypeV, PrefixSharing, DraftTokens);

    /// <summary>Throws unless every value is in range.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    internal void Check()
    {
        Check(nameof(ContextSize), ContextSize, -1, 1 << 30);
        Check(nameof(BatchSize), BatchSize, 1, MaxBatchSize);
        Check(nameof(LogitsRows), LogitsRows, 0, 1 << 16);
        Check(nameof(Threads), Threads, 0, 1 << 10);
        Check(nameof(MaxSequences), MaxSequences, 1, 1 << 16);
        if (!(PromptShare is >= 0 and <= 1))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, FormattableString.Invariant($"{nameof(PromptShare)}: expected 0 to 1, found {PromptShare}"));
        Check(nameof(DraftTokens), DraftTokens, 0, MaxDraftTokens);
        if (PromptCacheBytes < 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(PromptCacheBytes)}: expected 0 or more, found {PromptCacheBytes}");
        if (PromptCache is "") throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(PromptCache)}: expected a folder, found an empty name");
        Check(nameof(TypeK), (int)TypeK, 0, (int)KvType.IQ4_NL);
        Check(nameof(TypeV), (int)TypeV, 0, (int)KvType.IQ4_NL);
    }

    private static void Check(string name, int value, int min, int max)
    {
        if (value < min || value > max) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{name}: expected {min} to {max}, found {value}");
    }
}
