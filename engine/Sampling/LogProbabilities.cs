using Edge.Llm.Kernels;

namespace Edge.Llm.Sampling;

/// <summary>A token and the natural logarithm of the probability that the model gave it, before any filter.</summary>
public readonly record struct TokenLogProbability(int Token, float LogProbability);

/// <summary>Log-probabilities from raw logits, as evaluation and the "logprobs" of servers want them.</summary>
internal static class LogProbabilities
{
    /// <summary>log(sum(exp(logits))): a token's log-probability is its logit minus this.</summary>
    public static double LogSumExp(ReadOnlySpan<float> logits)
    {
        float max = logits[SamplerChain.ArgMax(logits)];
        double sum = 0;
        foreach (float logit in logits) sum += ScalarMath.Exp(logit - max);
        return max + Log(sum);
    }

    /// <summary>The likeliest tokens with their log-probabilities.</summary>
    public static TokenLogProbability[] Top(ReadOnlySpan<float> logits, int count)
    {
        var ranking = new Ranking(logits.Length);
        logits.CopyTo(ranking.Logits);
        double logSum = LogSumExp(logits);
        var top = new TokenLogProbability[Math.Min(count, logits.Length)];
        for (int rank = 0; rank < top.Length; rank++)
        {
            int token = ranking.TokenAt(rank);
            top[rank] = new TokenLogProbability(token, (float)(logits[token] - logSum));
        }
        return top;
    }

    /// <summary>Natural logarithm of a positive normal number, by our own series and never the platform's: x = m 2^e with m in
    /// [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)).</summary>
    public static double Log(double x)
    {
        const double Ln2 = 0.69314718055994530942, SqrtHalf = 0.70710678118654752440;
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52) - 1022;
        double mantissa = BitConverter.Int64BitsToDouble((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FE0_0000_0000_0000);
        if (mantissa < SqrtHalf)
        {
            mantissa *= 2;
            exponent--;
        }
        double ratio = (mantissa - 1) / (mantissa + 1), square = ratio * ratio, series = 0;
        // |ratio| <= 0.172: the terms fall under 2^-53 after the tenth.
        for (int odd = 21; odd >= 1; odd -= 2) series = series * square + 1.0 / odd;
        return exponent * Ln2 + 2 * ratio * series;
    }
}
