using Edge.Llm.Kernels;

namespace Edge.Llm.Sampling;

/// <summary>Divides logits. With a range r it follows the entropy: from t - r where one token is certain to t + r where all are equally
/// likely, (entropy / largest)^exponent of the way. At 0 or less only the likeliest token is left.</summary>
internal sealed class Temperature(float temperature, float range, float exponent) : ISamplerStage
{
    public void Apply(Candidates candidates, in SamplingStep step)
    {
        float t = range > 0 ? Dynamic(candidates) : temperature;
        if (t <= 0) candidates.KeepFirst(1);
        else candidates.Temperature *= t;
    }

    private float Dynamic(Candidates candidates)
    {
        float low = Math.Max(0, temperature - range), high = temperature + range;
        if (candidates.Count < 2) return temperature;
        double total = candidates.Total(), entropy = 0;
        for (int rank = 0; rank < candidates.Count; rank++)
        {
            double probability = candidates.WeightAt(rank) / total;
            if (probability > 0) entropy -= probability * DoubleMath.Log(probability);
        }
        double part = Math.Clamp(entropy / DoubleMath.Log(candidates.Count), 0, 1);
        return (float)(low + ((high - low) * (part > 0 ? DoubleMath.Exp(exponent * DoubleMath.Log(part)) : 0)));
    }
}
