namespace Edge.Llm;

/// <summary>Counts and times of a generation.</summary>
public sealed record GenerationStatistics
{
    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; internal set; }

    /// <summary>Of these, tokens that it did not evaluate: the cache had them.</summary>
    public int ReusedTokens { get; internal set; }

    /// <summary>Of these, tokens that were read from the files of <see cref="ContextOptions.PromptCache"/>.</summary>
    public int RestoredTokens { get; internal set; }

    /// <summary>Time from the first pass until the first token was chosen.</summary>
    public TimeSpan PromptTime { get; internal set; }

    /// <summary>Tokens generated.</summary>
    public int GeneratedTokens { get; internal set; }

    /// <summary>Of these, tokens that the grammar left no choice about: several go through one pass.</summary>
    public int ForcedTokens { get; internal set; }

    /// <summary>Tokens that were left out of the text because it filled the context: see <see cref="GenerateOptions.ContextShift"/>.</summary>
    public int ShiftedTokens { get; internal set; }

    /// <summary>How often it gave its part of the cache to a request that came before it, and was computed again.</summary>
    public int Preemptions { get; internal set; }

    /// <summary>Tokens that were drafted ahead of the answer.</summary>
    public int DraftedTokens { get; internal set; }

    /// <summary>Of these, tokens that were chosen indeed.</summary>
    public int AcceptedTokens { get; internal set; }

    /// <summary>Time of the passes for the tokens after the first.</summary>
    public TimeSpan GenerationTime { get; internal set; }

    /// <summary>The seed of the draws.</summary>
    public ulong Seed { get; internal set; }

    /// <summary>Tokens that went through the model: those of the prompt that were not reused, and those generated but for the last, behind
    /// which nothing was to be chosen, and those drafted in vain.</summary>
    public int EvaluatedTokens { get; internal set; }

    /// <summary>Prompt tokens evaluated a second.</summary>
    public double PromptTokensPerSecond => Rate(PromptTokens - ReusedTokens, PromptTime);

    /// <summary>Tokens generated a second, after the first.</summary>
    public double GenerationTokensPerSecond => Rate(GeneratedTokens - 1, GenerationTime);

    private static double Rate(int tokens, TimeSpan time) => tokens > 0 && time > TimeSpan.Zero ? tokens / time.TotalSeconds : 0;
}
