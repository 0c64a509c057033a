namespace Edge.Llm.Sampling;

/// <summary>Keeps tokens at least p times as likely as the likeliest.</summary>
internal sealed class MinP(float p) : ISamplerStage
{
    public void Apply(Candidates candidates, in SamplingStep step)
    {
        int kept = 1;
        while (kept < candidates.Count && candidates.WeightAt(kept) >= p) kept++;
        candidates.KeepFirst(kept);
    }
}
