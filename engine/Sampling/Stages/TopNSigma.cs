namespace Edge.Llm.Sampling;

/// <summary>Keeps tokens whose logits are at most n standard deviations below the highest (Tang and others, 2024).</summary>
internal sealed class TopNSigma(float n) : ISamplerStage
{
    public void Apply(Candidates candidates, in SamplingStep step)
    {
        double sum = 0, squares = 0;
        int count = 0;
        for (int i = 0; i < candidates.Count; i++)
        {
            float logit = candidates.Logits[candidates[i]];
            if (logit == float.NegativeInfinity) continue; // banned
            sum += logit;
            count++;
        }
        double mean = sum / count;
        for (int i = 0; i < candidates.Count; i++)
        {
            float logit = candidates.Logits[candidates[i]];
            if (logit != float.NegativeInfinity) squares += (logit - mean) * (logit - mean);
        }
        // Logits are divided by the temperature, and so is their deviation.
        double threshold = candidates.Max - (n * Math.Sqrt(squares / count));
        int kept = 0;
        for (int i = 0; i < candidates.Count; i++)
            if (candidates.Logits[candidates[i]] >= threshold) kept++;
        candidates.KeepFirst(Math.Max(kept, 1));
    }
}
