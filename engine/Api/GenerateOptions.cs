namespace Edge.Llm;

/// <summary>What to generate after a prompt.</summary>
public sealed record GenerateOptions
{
    /// <summary>Tokens to generate at most; -1 until the context is full.</summary>
    public int MaxTokens { get; init; } = -1;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Texts that end the generation; they are not part of the result.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Never choose a token that ends the generation.</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Render control tokens as text too.</summary>
    public bool RenderSpecial { get; init; }

    /// <summary>Is told, after each batch of the prompt, how many of how many tokens are done.</summary>
    public Action<int, int>? OnPrefill { get; init; }
}

/// <summary>Why a generation ended. The numbers are those of the C ABI (<c>edge_llm_finish</c>); 0 is not finished there.</summary>
public enum FinishReason
{
    /// <summary>A stop string.</summary>
    Stop = 1,

    /// <summary>The token limit, or a full context.</summary>
    Length = 2,

    /// <summary>A token of the model that ends a text.</summary>
    Eos = 3,

    /// <summary>The caller cancelled it.</summary>
    Cancelled = 4,

    /// <summary>The deadline passed.</summary>
    Deadline = 5,
}

/// <summary>One step of a generation.</summary>
/// <param name="Token">The token; -1 if the generation ended without another one.</param>
/// <param name="Text">The text that is complete now: whole characters only, and nothing that may yet become a stop string.</param>
/// <param name="Finish">Why this is the last step, or null.</param>
public readonly record struct GeneratedToken(int Token, string Text, FinishReason? Finish);

/// <summary>Counts and times of a generation.</summary>
public sealed record GenerationStatistics
{
    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; internal set; }

    /// <summary>Of these, tokens whose keys and values were in the cache from the turn before.</summary>
    public int ReusedTokens { get; internal set; }

    /// <summary>Time from the start until the first token was chosen.</summary>
    public TimeSpan PromptTime { get; internal set; }

    /// <summary>Tokens generated.</summary>
    public int GeneratedTokens { get; internal set; }

    /// <summary>Time spent on the tokens after the first.</summary>
    public TimeSpan GenerationTime { get; internal set; }

    /// <summary>The seed of the draws.</summary>
    public ulong Seed { get; internal set; }

    /// <summary>Prompt tokens evaluated a second.</summary>
    public double PromptTokensPerSecond => Rate(PromptTokens - ReusedTokens, PromptTime);

    /// <summary>Tokens generated a second, after the first.</summary>
    public double GenerationTokensPerSecond => Rate(GeneratedTokens - 1, GenerationTime);

    private static double Rate(int tokens, TimeSpan time) => tokens > 0 && time > TimeSpan.Zero ? tokens / time.TotalSeconds : 0;
}
