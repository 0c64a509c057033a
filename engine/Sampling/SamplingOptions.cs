namespace Edge.Llm;

/// <summary>How the next token is chosen. The defaults, and the order in which the filters act, are llama.cpp's:
/// logit bias, penalties, top-k, top-p, min-p, temperature, draw.</summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits: higher is more random. 0 or less takes the likeliest token (greedy).</summary>
    public float Temperature { get; init; } = 0.8f;

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

    /// <summary>Always the likeliest token.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    internal bool HasPenalties => RepeatLastN != 0 && (RepeatPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0);

    internal void Validate()
    {
        Require(float.IsFinite(Temperature), nameof(Temperature), "a finite number", Temperature);
        Require(TopP is >= 0 and <= 1, nameof(TopP), "0 to 1", TopP);
        Require(MinP is >= 0 and <= 1, nameof(MinP), "0 to 1", MinP);
        Require(float.IsFinite(RepeatPenalty) && RepeatPenalty > 0, nameof(RepeatPenalty), "a positive number", RepeatPenalty);
        Require(RepeatLastN >= -1, nameof(RepeatLastN), "-1 or more", RepeatLastN);
        Require(float.IsFinite(PresencePenalty), nameof(PresencePenalty), "a finite number", PresencePenalty);
        Require(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), "a finite number", FrequencyPenalty);
        foreach ((int token, float bias) in LogitBias ?? new Dictionary<int, float>())
            Require(bias < float.PositiveInfinity, $"{nameof(LogitBias)}[{token}]", "a finite number or negative infinity", bias);
    }

    private static void Require(bool holds, string name, string expected, float found)
    {
        if (!holds)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, FormattableString.Invariant($"{name} is {found}; it must be {expected}"));
    }
}
