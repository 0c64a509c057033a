namespace Edge.Llm.Sampling;

/// <summary>Keeps the k likeliest.</summary>
internal sealed class TopK(int k) : ISamplerStage
{
    public void Apply(Candidates candidates, in SamplingStep step)
    {
        if (k < candidates.Count) candidates.KeepFirst(k);
    }
}
