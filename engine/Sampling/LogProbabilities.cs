using Edge.Llm.Kernels;

namespace Edge.Llm.Sampling;

/// <summary>Log-probabilities from raw logits, as evaluation and the "logprobs" of servers want them.</summary>
internal static class LogProbabilities
{
    /// <summary>log(sum(exp(logits))): a token's log-probability is its logit minus this.</summary>
    public static double LogSumExp(ReadOnlySpan<float> logits)
    {
        float max = logits[SamplerChain.ArgMax(logits)];
        double sum = 0;
        foreach (float logit in logits) sum += ScalarMath.Exp(logit - max);
        return max + DoubleMath.Log(sum);
    }

    /// <summary>The likeliest tokens with their log-probabilities.</summary>
    public static TokenLogProbability[] Top(ReadOnlySpan<float> logits, int count) => Top(logits, count, LogSumExp(logits), new Ranking(logits.Length));

    /// <summary>The same, with their <see cref="LogSumExp"/>.</summary>
    /// <param name="logits">The logits.</param>
    /// <param name="count">How many, at most.</param>
    /// <param name="logSum">Their <see cref="LogSumExp"/>.</param>
    /// <param name="ranking">Is written over.</param>
    public static TokenLogProbability[] Top(ReadOnlySpan<float> logits, int count, double logSum, Ranking ranking)
    {
        logits.CopyTo(ranking.Logits);
        ranking.Reset();
        var top = new TokenLogProbability[Math.Min(count, logits.Length)];
        for (int rank = 0; rank < top.Length; rank++)
        {
            int token = ranking.TokenAt(rank);
            top[rank] = new TokenLogProbability(token, (float)(logits[token] - logSum));
        }
        return top;
    }
}
