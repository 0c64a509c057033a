namespace Edge.Llm;

/// <summary>How the next token is chosen: logit bias, the stages of <see cref="Samplers"/>, a draw. Defaults and order are llama.cpp's.</summary>
public sealed record SamplingOptions
{
    // Records compare lists by reference.
    private static readonly IReadOnlyList<SamplerKind> s_samplers = Enum.GetValues<SamplerKind>();
    private static readonly string[] s_names = ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"];
    private static readonly IReadOnlyList<string> s_breakers = ["\n", ":", "\"", "*"];

    /// <summary>The stages in their order; one that its option switches off, or that is not named, does not act. Not used with <see cref="Mirostat"/>.</summary>
    public IReadOnlyList<SamplerKind> Samplers { get; init; } = s_samplers;

    /// <summary>Divides the logits: higher is more random. 0 or less takes the likeliest token (greedy).</summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>Lets the temperature follow the entropy within this range around it, from certain to undecided; 0 is off.</summary>
    public float DynamicTemperatureRange { get; init; }

    /// <summary>The power of the entropy, as a part of the largest, that the dynamic temperature follows.</summary>
    public float DynamicTemperatureExponent { get; init; } = 1;

    /// <summary>Keeps tokens whose logits are within n standard deviations of the highest; 0 or less keeps all.</summary>
    public float TopNSigma { get; init; } = -1;

    /// <summary>Keeps the tokens of the most usual surprise whose probabilities sum to p; 1 keeps all.</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>How likely the top choices are excluded; 0 is off.</summary>
    public float XtcProbability { get; init; }

    /// <summary>The probability that makes a token a top choice; the least likely of them stays. Above 0.5 it is off.</summary>
    public float XtcThreshold { get; init; } = 0.1f;

    /// <summary>The penalty on a token that goes on with a repetition of the allowed length; 0 is off.</summary>
    public float DryMultiplier { get; init; }

    /// <summary>By how much that penalty grows with each further token.</summary>
    public float DryBase { get; init; } = 1.75f;

    /// <summary>The shortest repetition that is penalized, in tokens.</summary>
    public int DryAllowedLength { get; init; } = 2;

    /// <summary>How many tokens back repetitions are looked for: 0 none, -1 all.</summary>
    public int DryPenaltyLastN { get; init; } = -1;

    /// <summary>Texts that end a repetition.</summary>
    public IReadOnlyList<string> DrySequenceBreakers { get; init; } = s_breakers;

    /// <summary>Mirostat 1 or 2 instead of the stages; 0 is off.</summary>
    public int Mirostat { get; init; }

    /// <summary>The surprise that Mirostat aims at, in bits a token.</summary>
    public float MirostatTau { get; init; } = 5;

    /// <summary>How fast Mirostat corrects itself.</summary>
    public float MirostatEta { get; init; } = 0.1f;

    /// <summary>Keeps the k likeliest tokens; 0 or less keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the fewest likeliest tokens whose probabilities sum to p; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens at least p times as likely as the likeliest; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>Divides a positive logit, multiplies a negative one, of each token among the last <see cref="RepeatLastN"/>; 1 is off.</summary>
    public float RepeatPenalty { get; init; } = 1f;

    /// <summary>How many tokens back the penalties look, prompt included: 0 none, -1 all.</summary>
    public int RepeatLastN { get; init; } = 64;

    /// <summary>Subtracted once from the logit of each token among the last <see cref="RepeatLastN"/>.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Subtracted from a token's logit for each time it stands among the last <see cref="RepeatLastN"/>.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Added to the logits of these token ids; negative infinity bans a token.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>Key of the random draws; the same seed gives the same text. Null takes a new one each time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Stages in their order, by llama.cpp's names, separated by semicolons: "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature".</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: a name that there is not.</exception>
    public static IReadOnlyList<SamplerKind> ParseSamplers(string names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return [.. names.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(name =>
            Array.IndexOf(s_names, name) is >= 0 and int at ? (SamplerKind)at
            : throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(Samplers)}: expected {string.Join(", ", s_names)}, found '{name}'"))];
    }

    /// <summary>Always the likeliest token.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    internal bool HasPenalties => RepeatLastN != 0 && (RepeatPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0);

    internal bool HasDry => DryMultiplier != 0 && DryPenaltyLastN != 0;

    internal void Validate(int vocabularySize)
    {
        Require(float.IsFinite(Temperature), nameof(Temperature), "a finite number", Temperature);
        Require(TopP is >= 0 and <= 1, nameof(TopP), "0 to 1", TopP);
        Require(MinP is >= 0 and <= 1, nameof(MinP), "0 to 1", MinP);
        Require(float.IsFinite(RepeatPenalty) && RepeatPenalty > 0, nameof(RepeatPenalty), "a positive number", RepeatPenalty);
        Require(RepeatLastN >= -1, nameof(RepeatLastN), "-1 or more", RepeatLastN);
        Require(float.IsFinite(PresencePenalty), nameof(PresencePenalty), "a finite number", PresencePenalty);
        Require(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), "a finite number", FrequencyPenalty);
        Require(float.IsFinite(DynamicTemperatureRange) && DynamicTemperatureRange >= 0, nameof(DynamicTemperatureRange), "0 or more", DynamicTemperatureRange);
        Require(float.IsFinite(DynamicTemperatureExponent) && DynamicTemperatureExponent > 0, nameof(DynamicTemperatureExponent), "a positive number", DynamicTemperatureExponent);
        Require(float.IsFinite(TopNSigma), nameof(TopNSigma), "a finite number", TopNSigma);
        Require(TypicalP is >= 0 and <= 1, nameof(TypicalP), "0 to 1", TypicalP);
        Require(XtcProbability is >= 0 and <= 1, nameof(XtcProbability), "0 to 1", XtcProbability);
        Require(XtcThreshold is >= 0 and <= 1, nameof(XtcThreshold), "0 to 1", XtcThreshold);
        Require(float.IsFinite(DryMultiplier) && DryMultiplier >= 0, nameof(DryMultiplier), "0 or more", DryMultiplier);
        Require(float.IsFinite(DryBase) && DryBase >= 1, nameof(DryBase), "1 or more", DryBase);
        Require(DryAllowedLength >= 1, nameof(DryAllowedLength), "1 or more", DryAllowedLength);
        Require(DryPenaltyLastN >= -1, nameof(DryPenaltyLastN), "-1 or more", DryPenaltyLastN);
        Require(Mirostat is >= 0 and <= 2, nameof(Mirostat), "0, 1 or 2", Mirostat);
        Require(float.IsFinite(MirostatTau) && MirostatTau >= 0, nameof(MirostatTau), "0 or more", MirostatTau);
        Require(float.IsFinite(MirostatEta) && MirostatEta >= 0, nameof(MirostatEta), "0 or more", MirostatEta);
        if (Samplers is null || Samplers.Any(kind => !Enum.IsDefined(kind)) || Samplers.Distinct().Count() != Samplers.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(Samplers)}: expected stages that there are, each at most once");
        if (DrySequenceBreakers is null || DrySequenceBreakers.Any(string.IsNullOrEmpty))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(DrySequenceBreakers)}: expected texts, none of them empty");
        foreach ((int token, float bias) in LogitBias ?? new Dictionary<int, float>())
        {
            if ((uint)token >= (uint)vocabularySize)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"logit bias for token {token}: the vocabulary has ids 0 to {vocabularySize - 1}");
            Require(bias < float.PositiveInfinity, $"{nameof(LogitBias)}[{token}]", "a finite number or negative infinity", bias);
        }
    }

    private static void Require(bool holds, string name, string expected, float found)
    {
        if (!holds)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, FormattableString.Invariant($"{name} is {found}; it must be {expected}"));
    }
}
