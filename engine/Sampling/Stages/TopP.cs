namespace Edge.Llm.Sampling;

/// <summary>Keeps the fewest likeliest tokens whose probabilities sum to p.</summary>
internal sealed class TopP(float p) : ISamplerStage
{
    public void Apply(Candidates candidates, in SamplingStep step)
    {
        double target = p * candidates.Total(), sum = 0;
        for (int rank = 0; rank < candidates.Count; rank++)
        {
            sum += candidates.WeightAt(rank);
            if (sum < target) continue;
            candidates.KeepFirst(rank + 1);
            return;
        }
    }
}
