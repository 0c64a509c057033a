using Edge.Llm.Evaluation;
using Edge.Llm.Kernels;

namespace Edge.Llm;

/// <summary>How well a model predicts a text, over the chunks done so far.</summary>
public sealed class PerplexityResult
{
    private readonly List<double> _running = [];
    private RunningMean _nll, _top1;

    /// <summary>Negative log-likelihood of the tokens, in nats.</summary>
    public RunningMean Nll => _nll;

    /// <summary>Share of positions where the model's likeliest token is the text's.</summary>
    public RunningMean Top1 => _top1;

    /// <summary>exp of the mean negative log-likelihood.</summary>
    public double Perplexity => DoubleMath.Exp(_nll.Mean);

    /// <summary>Standard error of the perplexity: the mean's, times the perplexity.</summary>
    public double StandardError => Perplexity * _nll.StandardError;

    /// <summary>The perplexity after each chunk.</summary>
    public IReadOnlyList<double> Running => _running;

    /// <summary>How far the model is from another, if that was asked.</summary>
    public DivergenceResult? Divergence { get; private set; }

    /// <summary>A chunk is done.</summary>
    internal void Add(ReadOnlySpan<RowScore> scores, bool compared)
    {
        if (compared) Divergence ??= new DivergenceResult();
        foreach (RowScore score in scores)
        {
            _nll.Add(score.Nll);
            _top1.Add(score.Top1 ? 1 : 0);
            Divergence?.Add(score);
        }
        _running.Add(Perplexity);
    }
}

/// <summary>How far a model's predictions are from another's.</summary>
public sealed class DivergenceResult
{
    private readonly List<float> _values = [];
    private RunningMean _kl, _sameTop1;

    /// <summary>Kullback-Leibler divergence from the other model's distribution to this one's, in nats.</summary>
    public RunningMean Kl => _kl;

    /// <summary>Share of positions where both have the same likeliest token.</summary>
    public RunningMean SameTop1 => _sameTop1;

    /// <summary>The divergence that a share of the positions stays below: 0.5 gives the median. Linear between positions.</summary>
    public double Quantile(double share)
    {
        if (_values.Count == 0) return double.NaN;
        float[] sorted = [.. _values];
        Array.Sort(sorted);
        double at = Math.Clamp(share, 0, 1) * (sorted.Length - 1);
        int low = (int)at, high = Math.Min(low + 1, sorted.Length - 1);
        return sorted[low] + ((at - low) * ((double)sorted[high] - sorted[low]));
    }

    internal void Add(RowScore score)
    {
        _kl.Add(score.Kl);
        _sameTop1.Add(score.SameTop1 ? 1 : 0);
        _values.Add((float)score.Kl);
    }
}
