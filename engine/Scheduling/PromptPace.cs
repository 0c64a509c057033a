namespace Edge.Llm.Scheduling;

/// <summary>How many tokens of prompts may join the answers under way in a pass, so that they take at most a share of its time. Answers slow down
/// a little while a long prompt comes in, and do not stand still.</summary>
/// <param name="share">The share of the time, 0 to 1; 1: no limit.</param>
internal sealed class PromptPace(double share)
{
    private const int Fewest = 4; // a prompt goes on in any case

    private MovingAverage _answers; // seconds of a pass without prompts
    private MovingAverage _token;   // seconds that a token of a prompt adds

    /// <summary>Tokens of prompts beside answers, up to those that fit.</summary>
    public int Limit(int budget)
    {
        if (share >= 1 || _answers.Value == 0 || _token.Value == 0) return budget;
        double tokens = share / (1 - share) * _answers.Value / _token.Value;
        return tokens >= budget ? budget : Math.Min(budget, Math.Max(Fewest, (int)tokens));
    }

    /// <summary>Learns from a pass.</summary>
    public void Observe(bool hasAnswers, int promptTokens, double seconds)
    {
        if (promptTokens == 0) _answers.Add(seconds);
        else if (!hasAnswers) _token.Add(seconds / promptTokens);
        else if (_answers.Value > 0) _token.Add(Math.Max(seconds - _answers.Value, 0) / promptTokens);
    }
}
