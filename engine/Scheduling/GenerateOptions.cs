namespace Edge.Llm;

/// <summary>What to generate after a prompt.</summary>
public sealed record GenerateOptions
{
    /// <summary>Tokens to generate at most; -1 until the context is full.</summary>
    public int MaxTokens { get; init; } = -1;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Number of the answer among several to one prompt: each number draws other tokens with the same seed.</summary>
    public uint Choice { get; init; }

    /// <summary>Texts that end the generation; they are not part of the result.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>What the generated text must look like, or null. The text is complete when the generation ends with
    /// <see cref="FinishReason.Eos"/>; near the limit of tokens only those are chosen behind which the shortest end still fits.</summary>
    public Grammar? Grammar { get; init; }

    /// <summary>Never choose a token that ends the generation.</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Render control tokens as text.</summary>
    public bool RenderSpecial { get; init; }

    /// <summary>Tells how likely each token was, and as many of the likeliest tokens; null: does not.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>Tokens that may be drafted ahead of the answer for one pass, if the context drafts; 0: none. Null: as many as the context does.</summary>
    public int? DraftTokens { get; init; }

    /// <summary>What happens to a text that fills the context: it loses a part and goes on; null: it ends.</summary>
    public ContextShift? ContextShift { get; init; }

    /// <summary>Requests of a higher priority come first; of equal ones, the earlier.</summary>
    public int Priority { get; init; }

    /// <summary>How long the model may write to itself before it answers; null: as long as it likes.</summary>
    public ReasoningLimit? Reasoning { get; init; }

    /// <summary>Control tokens that are rendered as text in any case.</summary>
    internal IReadOnlySet<int>? RenderedTokens { get; init; }

    /// <summary>Time after which it ends with <see cref="FinishReason.Deadline"/>, from the call on; null: none.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>The adapters that the text is computed with; null: those of the sequence. A sequence that was computed with others is computed
    /// from its beginning.</summary>
    public IReadOnlyList<AdapterScale>? Adapters { get; init; }

    /// <summary>Only texts of equal salt share what the cache holds of a common beginning: from the time to its first token nobody learns whether
    /// another tenant has asked the same. Null: that of the sequence (of a new one, ""). A sequence of another salt is computed from its
    /// beginning.</summary>
    public string? Salt { get; init; }

    /// <summary>Is told, after a step, that there is something to read. It runs on the thread that drives the step, and may not read there.</summary>
    public Action? OnReady { get; init; }

    /// <summary>Is told, after each batch of the prompt, how many of how many tokens are done. It runs on the thread that drives the step, which may
    /// be another generation's reader.</summary>
    public Action<int, int>? OnPrefill { get; init; }
}

/// <summary>Where a text that fills the context is cut: of what is not kept, the older half is left out, in whole blocks of 64 tokens. What is left is
/// computed again, as the text of a new request would be, and the answer goes on behind it.</summary>
/// <param name="Keep">Tokens of the beginning to keep at least, made up to whole blocks; -1: those of the prompt.</param>
public sealed record ContextShift(int Keep = 0);

/// <summary>How long a section may be in which a model writes to itself. When its tokens are used up, the section is closed.</summary>
/// <param name="MaxTokens">Tokens of the section at most.</param>
/// <param name="Open">What the section begins with; only the first thing of the text can be one.</param>
/// <param name="Close">What it ends with.</param>
/// <param name="IsOpen">Whether the prompt has opened the section.</param>
public sealed record ReasoningLimit(int MaxTokens, string Open, string Close, bool IsOpen = false);

/// <summary>One step of a generation.</summary>
/// <param name="Token">The token; -1 if the generation ended without another one.</param>
/// <param name="Text">The text that is complete now: whole characters only, and nothing that may yet become a stop string.</param>
/// <param name="Finish">Why this is the last step, or null.</param>
public readonly record struct GeneratedToken(int Token, string Text, FinishReason? Finish)
{
    /// <summary>How likely the token was, if <see cref="GenerateOptions.LogProbabilities"/> asks for it. Null for a token that closes a
    /// section at <see cref="GenerateOptions.Reasoning"/>'s limit: it was not drawn.</summary>
    public ChoiceProbabilities? Probabilities { get; init; }

    /// <summary>The one of <see cref="GenerateOptions.Stop"/> that ended the generation, if <see cref="Finish"/> is <see cref="FinishReason.Stop"/>.</summary>
    public string? StopString { get; init; }
}
