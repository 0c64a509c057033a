namespace Edge.Llm.Sampling;

/// <summary>Penalties on recent tokens. Each token among the last n, f times:
/// logit = (logit > 0 ? logit / repeat : logit * repeat) - f * frequency - presence.</summary>
internal sealed class Penalties(SamplingOptions options, int vocabularySize) : ISamplerStage
{
    private readonly int[] _occurrences = new int[vocabularySize];

    public bool ChangesLogits => true;

    public void Apply(Candidates candidates, in SamplingStep step)
    {
        float[] logits = candidates.Logits;
        ReadOnlySpan<int> last = Last(step.History, options.RepeatLastN, vocabularySize);
        foreach (int token in last) _occurrences[token]++;
        foreach (int token in last)
        {
            int count = _occurrences[token];
            if (count == 0) continue;
            _occurrences[token] = 0;
            float logit = logits[token];
            if (logit == float.NegativeInfinity) continue; // banned stays banned
            logit = logit > 0 ? logit / options.RepeatPenalty : logit * options.RepeatPenalty;
            logit -= count * options.FrequencyPenalty + options.PresencePenalty;
            logits[token] = Math.Min(logit, float.MaxValue);
        }
    }

    /// <summary>The last n tokens; -1: all.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: one is not of the vocabulary.</exception>
    public static ReadOnlySpan<int> Last(ReadOnlySpan<int> history, int n, int vocabularySize)
    {
        ReadOnlySpan<int> last = n < 0 || history.Length <= n ? history : history[^n..];
        foreach (int token in last)
            if ((uint)token >= (uint)vocabularySize)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"token {token} in the history: the vocabulary has ids 0 to {vocabularySize - 1}");
        return last;
    }
}
