namespace Edge.Llm.Native;

/// <summary>The options of edge_llm.h: their defaults, and what the engine makes of them.</summary>
internal static unsafe class OptionReaders
{
    private const ulong RandomSeed = ulong.MaxValue;
    private const nuint MostTexts = 1024;

    private static readonly SamplingOptions s_sampling = new();
    private static readonly ContextOptions s_context = new();

    /// <summary>Defaults.</summary>
    public static ModelOptionsData Model() => new() { StructSize = (uint)sizeof(ModelOptionsData), UseMmap = 1, OffloadKqv = 1, LogLevel = (int)LogLevel.Info };

    public static ChatOptionsData Chat() => new() { StructSize = (uint)sizeof(ChatOptionsData), AddGenerationPrompt = 1 };

    public static AnswerOptionsData Answer() => new() { StructSize = (uint)sizeof(AnswerOptionsData), ReasoningBudget = -1 };

    public static ContextOptionsData Context() => new()
    {
        StructSize = (uint)sizeof(ContextOptionsData), ContextSize = s_context.ContextSize, BatchSize = s_context.BatchSize, MaxSequences = s_context.MaxSequences, Seed = RandomSeed,
    };

    public static SamplingOptionsData Sampling() => new()
    {
        StructSize = (uint)sizeof(SamplingOptionsData), Temperature = s_sampling.Temperature, TopK = s_sampling.TopK, TopP = s_sampling.TopP,
        MinP = s_sampling.MinP, RepeatPenalty = s_sampling.RepeatPenalty, RepeatLastN = s_sampling.RepeatLastN,
        PresencePenalty = s_sampling.PresencePenalty, FrequencyPenalty = s_sampling.FrequencyPenalty, Seed = RandomSeed,
        DynatempExponent = s_sampling.DynamicTemperatureExponent, TopNSigma = s_sampling.TopNSigma, TypicalP = s_sampling.TypicalP,
        XtcThreshold = s_sampling.XtcThreshold, DryBase = s_sampling.DryBase, DryAllowedLength = s_sampling.DryAllowedLength,
        DryPenaltyLastN = s_sampling.DryPenaltyLastN, MirostatTau = s_sampling.MirostatTau, MirostatEta = s_sampling.MirostatEta,
    };

    public static GenerateOptionsData Generate() => new() { StructSize = (uint)sizeof(GenerateOptionsData), MaxTokens = -1, Deadline = -1 };

    /// <summary>What callers give, or the defaults for null.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, here and below.</exception>
    public static ModelOptionsData Model(ModelOptionsData* options)
    {
        ModelOptionsData data = options is null ? Model() : Versioned.Read(options);
        Check(data);
        return data;
    }

    /// <summary>Throws unless every value is in range.</summary>
    private static void Check(ModelOptionsData data)
    {
        Pointers.Flag(data.UseMmap, "use_mmap");
        Pointers.Flag(data.UseMlock, "use_mlock");
        Pointers.Flag(data.OffloadKqv, "offload_kqv");
        Range(data.GpuLayers, -1, int.MaxValue, "n_gpu_layers");
        if (data.Reserved != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "reserved: expected 0");
        Offload(data, null, null)?.Check();
    }

    /// <summary>Layers for a device; null: none.</summary>
    public static OffloadOptions? Offload(ModelOptionsData data, Action<OffloadReport>? report, Action<string>? lost)
    {
        bool inexact = Pointers.Flag(data.OffloadInexact, "offload_inexact");
        if (data.OffloadDeviceCount > MostTexts || data.OffloadSplitCount > MostTexts)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"offload_devices, offload_split: expected at most {MostTexts} each");
        var options = new OffloadOptions
        {
            Layers = data.GpuLayers, Kqv = Pointers.Flag(data.OffloadKqv, "offload_kqv"), Exact = !inexact, Report = report, Lost = lost,
            Plugin = Pointers.OptionalText(data.Offload, data.OffloadLength, "offload") is { Length: > 0 } plugin ? plugin : OffloadOptions.Auto,
            Devices = Pointers.Array(data.OffloadDevices, data.OffloadDeviceCount, "offload_devices").ToArray(),
            Split = Pointers.Array(data.OffloadSplit, data.OffloadSplitCount, "offload_split").ToArray(),
        };
        LibraryFolder.Tell();
        return data.GpuLayers == 0 ? null : options;
    }

    /// <summary>Texts of the form KEY=TYPE:VALUE.</summary>
    public static MetadataOverride[] Overrides(ModelOptionsData data)
    {
        if (data.OverrideCount > MostTexts)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{data.OverrideCount} overrides: expected at most {MostTexts}");
        var overrides = new List<MetadataOverride>();
        foreach (TextData text in Pointers.Array(data.Overrides, data.OverrideCount, "overrides"))
            overrides.Add(MetadataOverride.Parse(Pointers.Text(text.Data, text.Length, "overrides")));
        return [.. overrides];
    }

    public static ChatOptionsData Chat(ChatOptionsData* options) => options is null ? Chat() : Versioned.Read(options);

    public static AnswerOptions Answer(AnswerOptionsData* options)
    {
        AnswerOptionsData data = options is null ? Answer() : Versioned.Read(options);
        Range(data.ToolChoice, (int)ToolChoice.Auto, (int)ToolChoice.Required, "tool_choice");
        return new AnswerOptions
        {
            ToolChoice = (ToolChoice)data.ToolChoice, ToolName = Pointers.OptionalText(data.ToolName, data.ToolNameLength, "tool_name"),
            ParallelToolCalls = !Pointers.Flag(data.SingleToolCall, "single_tool_call"), ReasoningBudget = data.ReasoningBudget,
        };
    }

    public static (ContextOptions Options, ulong Seed, nint DraftModel) Context(ContextOptionsData* options)
    {
        ContextOptionsData data = options is null ? Context() : Versioned.Read(options);
        if (data.Reserved != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "reserved: expected 0");
        return (new ContextOptions
        {
            ContextSize = data.ContextSize, BatchSize = data.BatchSize, LogitsRows = data.LogitsRows, Threads = data.Threads, TypeK = (KvType)data.CacheTypeK,
            TypeV = (KvType)data.CacheTypeV, MaxSequences = data.MaxSequences, PrefixSharing = !Pointers.Flag(data.NoPrefixSharing, "no_prefix_sharing"),
            PromptCache = data.PromptCache is null ? null : Pointers.Text(data.PromptCache, data.PromptCacheLength, "prompt_cache"),
            PromptCacheBytes = Or(data.PromptCacheBytes, s_context.PromptCacheBytes), Lookup = Pointers.Flag(data.Lookup, "lookup"),
            DraftTokens = data.DraftTokens,
        }, data.Seed, data.DraftModel);
    }

    /// <summary>The options in force in a context.</summary>
    public static ContextOptionsData Describe(ContextResource context)
    {
        ContextOptions options = context.Context.Options;
        return new ContextOptionsData
        {
            ContextSize = options.ContextSize, BatchSize = options.BatchSize, LogitsRows = options.LogitsRows, Threads = options.Threads,
            CacheTypeK = (int)options.TypeK, CacheTypeV = (int)options.TypeV, MaxSequences = options.MaxSequences, Seed = context.Seed,
            PromptCacheBytes = options.PromptCacheBytes, NoPrefixSharing = options.PrefixSharing ? 0 : 1,
            Lookup = options.Lookup ? 1 : 0, DraftTokens = options.DraftTokens, DraftModel = context.DraftModel,
        };
    }

    public static SamplingOptions Sampling(SamplingOptionsData* options, ContextResource context)
    {
        SamplingOptionsData data = options is null ? Sampling() : Versioned.Read(options);
        if (data.Reserved != 0 || data.Reserved2 != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "reserved: expected 0");
        ulong seed = data.Seed == RandomSeed ? context.Seed : data.Seed;
        Dictionary<int, float>? bias = null;
        foreach (LogitBiasData entry in Pointers.Array(data.LogitBias, data.LogitBiasCount, "logit_bias")) (bias ??= [])[entry.Token] = entry.Bias;
        return new SamplingOptions
        {
            Temperature = data.Temperature, TopK = data.TopK, TopP = data.TopP, MinP = data.MinP, RepeatPenalty = data.RepeatPenalty,
            RepeatLastN = data.RepeatLastN, PresencePenalty = data.PresencePenalty, FrequencyPenalty = data.FrequencyPenalty,
            LogitBias = bias, Seed = seed == RandomSeed ? null : seed,
            DynamicTemperatureRange = data.DynatempRange, DynamicTemperatureExponent = Or(data.DynatempExponent, s_sampling.DynamicTemperatureExponent),
            TopNSigma = data.TopNSigma, TypicalP = Or(data.TypicalP, s_sampling.TypicalP),
            XtcProbability = data.XtcProbability, XtcThreshold = Or(data.XtcThreshold, s_sampling.XtcThreshold),
            DryMultiplier = data.DryMultiplier, DryBase = Or(data.DryBase, s_sampling.DryBase),
            DryAllowedLength = Or(data.DryAllowedLength, s_sampling.DryAllowedLength), DryPenaltyLastN = Or(data.DryPenaltyLastN, s_sampling.DryPenaltyLastN),
            DrySequenceBreakers = Breakers(data),
            Mirostat = data.Mirostat, MirostatTau = Or(data.MirostatTau, s_sampling.MirostatTau), MirostatEta = Or(data.MirostatEta, s_sampling.MirostatEta),
            Samplers = data.Samplers is null ? s_sampling.Samplers : SamplingOptions.ParseSamplers(Pointers.Text(data.Samplers, data.SamplersLength, "samplers")),
        };
    }

    private static T Or<T>(T value, T unset) where T : struct, IEquatable<T> => value.Equals(default) ? unset : value;

    private static IReadOnlyList<string> Breakers(SamplingOptionsData data)
    {
        if (data.DryBreakerCount == 0) return s_sampling.DrySequenceBreakers;
        if (data.DryBreakerCount > MostTexts) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{data.DryBreakerCount} breakers: expected at most {MostTexts}");
        var breakers = new List<string>();
        foreach (TextData text in Pointers.Array(data.DryBreakers, data.DryBreakerCount, "dry_breakers")) breakers.Add(Pointers.Text(text.Data, text.Length, "dry_breakers"));
        return breakers is [""] ? [] : breakers;
    }

    /// <summary>What callers give, or the defaults for null.</summary>
    public static GenerateOptionsData Read(Pointer<GenerateOptionsData> options) => options.Address is null ? Generate() : Versioned.Read(options.Address);

    /// <param name="data">What callers give.</param>
    /// <param name="context">The context.</param>
    /// <param name="prefill">Is told how far the prompt is, or null.</param>
    public static GenerateOptions Generate(GenerateOptionsData data, ContextResource context, Action<int, int>? prefill)
    {
        if (data.StopCount > MostTexts) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{data.StopCount} stop strings: expected at most {MostTexts}");
        var stops = new List<string>();
        foreach (TextData stop in Pointers.Array(data.Stop, data.StopCount, "stop")) stops.Add(Pointers.Text(stop.Data, stop.Length, "stop"));
        Range(data.Logprobs, 0, int.MaxValue, "logprobs");
        Range(data.DraftTokens, -1, int.MaxValue, "draft_tokens");
        if (data.Keep != 0 && data.ContextShift == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "keep: expected 0 without context_shift");
        return new GenerateOptions
        {
            Priority = data.Priority, Choice = data.Choice, DraftTokens = data.DraftTokens switch { 0 => null, -1 => 0, int most => most },
            Adapters = data.Adapters is null && data.AdapterCount == 0 ? null : AdapterExports.Read(Pointers.Input(data.Adapters, data.AdapterCount)),
            ContextShift = Pointers.Flag(data.ContextShift, "context_shift") ? new ContextShift(data.Keep) : null,
            LogProbabilities = data.Logprobs == 0 ? null : data.Logprobs,
            MaxTokens = data.MaxTokens, Sampling = Sampling(data.Sampling, context), Stop = stops, Grammar = GrammarOf(data),
            IgnoreEos = Pointers.Flag(data.IgnoreEos, "ignore_eos"), RenderSpecial = Pointers.Flag(data.RenderSpecial, "render_special"),
            Salt = data.Salt is null ? null : Pointers.Text(data.Salt, data.SaltLength, "salt"),
            OnPrefill = prefill,
        };
    }

    private static Grammar? GrammarOf(GenerateOptionsData data)
    {
        if (data.GrammarFlags > 7) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"grammar_flags: expected 0 to 7, found {data.GrammarFlags}");
        if (data.GrammarKind == 0) return data.Grammar is null ? null : throw new EdgeLlmException(ErrorCode.InvalidArgument, "grammar_kind: expected 1 to 3, found 0");
        Range(data.GrammarKind, 1, 3, "grammar_kind");
        Pointers.Need(data.Grammar, "grammar");
        string text = Pointers.Text(data.Grammar, data.GrammarLength, "grammar");
        return data.GrammarKind switch { 1 => Grammar.Gbnf(text), 2 => Grammar.Regex(text), _ => Grammar.JsonSchema(text, JsonOptions(data.GrammarFlags)) };
    }

    private static JsonGrammarOptions JsonOptions(uint flags)
    {
        JsonGrammarOptions options = (flags & 2) != 0 ? JsonGrammarOptions.Spaced : new JsonGrammarOptions { WhiteSpace = (flags & 1) == 0 };
        return options with { AnyOrder = (flags & 4) != 0 };
    }

    private static void Range(int value, int min, int max, string what)
    {
        if (value < min || value > max) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{what}: expected {min} to {max}, found {value}");
    }
}
