using Edge.Llm.Kernels;

namespace Edge.Llm.Sampling;

/// <summary>Mirostat 1 and 2 (Basu and others, 2021): keeps the surprise of the text near a target by leaving out what would surprise more
/// than mu, and moving mu by what each token brought. Surprise is in bits.</summary>
internal sealed class Mirostat(int version, float tau, float eta, int vocabularySize) : ISamplerStage
{
    private const int Estimated = 100; // candidates that version 1 fits Zipf's law to

    private readonly List<float> _mu = [2 * tau]; // before each choice

    /// <summary>mu before the next choice.</summary>
    public float Mu => _mu[^1];

    public void Apply(Candidates candidates, in SamplingStep step)
    {
        if (version == 1) candidates.KeepFirst(Math.Clamp(ZipfCount(candidates), 1, candidates.Count));
        else
        {
            double logTotal = DoubleMath.Log(candidates.Total());
            int kept = 1;
            while (kept < candidates.Count && Surprise(candidates, candidates.LogitAt(kept), logTotal) <= Mu) kept++;
            candidates.KeepFirst(kept);
        }
    }

    /// <summary>Takes in what was chosen of the candidates.</summary>
    public void Accept(Candidates candidates, int token) => Move(Surprise(candidates, candidates.Logits[token], DoubleMath.Log(candidates.Total())));

    /// <summary>Takes in a token that was the only candidate.</summary>
    public void AcceptOnly() => Move(0);

    /// <summary>Takes back the last choices.</summary>
    public void Rollback(int choices) => _mu.RemoveRange(_mu.Count - choices, choices);

    private void Move(double surprise) => _mu.Add((float)(Mu - (eta * (surprise - tau))));

    private static double Surprise(Candidates candidates, float logit, double logTotal) =>
        (logTotal - (((double)logit - candidates.Max) / candidates.Temperature)) / DoubleMath.Log(2);

    // How many candidates a text of surprise mu draws from, if their probabilities fall as Zipf's law says.
    private int ZipfCount(Candidates candidates)
    {
        int last = Math.Min(Estimated, candidates.Count) - 1;
        double products = 0, squares = 0;
        for (int i = 0; i < last; i++)
        {
            double t = DoubleMath.Log((i + 2.0) / (i + 1)), b = ((double)candidates.LogitAt(i) - candidates.LogitAt(i + 1)) / candidates.Temperature;
            if (!double.IsFinite(b)) break; // banned tokens follow
            products += t * b;
            squares += t * t;
        }
        double s = squares > 0 ? products / squares : 1, epsilon = s - 1;
        double k = epsilon == 0
            ? Power(2, Mu) / DoubleMath.Log(vocabularySize)
            : Power(epsilon * Power(2, Mu) / (1 - Power(vocabularySize, -epsilon)), 1 / s);
        return k < candidates.Count ? (int)k : candidates.Count; // NaN: all
    }

    private static double Power(double x, double y) => x > 0 ? DoubleMath.Exp(y * DoubleMath.Log(x)) : double.NaN;
}
