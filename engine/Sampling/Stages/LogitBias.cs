namespace Edge.Llm.Sampling;

/// <summary>Adds to logits; negative infinity bans a token.</summary>
internal sealed class LogitBias(IReadOnlyDictionary<int, float> bias) : ISamplerStage
{
    private readonly KeyValuePair<int, float>[] _bias = [.. bias];

    public bool ChangesLogits => true;

    public void Apply(Candidates candidates, in SamplingStep step)
    {
        float[] logits = candidates.Logits;
        foreach ((int token, float value) in _bias) logits[token] = Math.Min(logits[token] + value, float.MaxValue);
    }
}
