namespace Edge.Llm;

/// <summary>Mean and standard error of values that come one by one (Welford's method). The order of the values is part of the result.</summary>
public struct RunningMean
{
    private double _squares; // sum of squared distances from the mean

    /// <summary>Values so far.</summary>
    public long Count { readonly get; private set; }

    /// <summary>Their mean; 0 without values.</summary>
    public double Mean { readonly get; private set; }

    /// <summary>How far the mean of the values strays: sqrt(variance / (n - 1)), the variance over n. NaN for fewer than two.</summary>
    public readonly double StandardError => Count < 2 ? double.NaN : Math.Sqrt(_squares / Count / (Count - 1));

    /// <summary>Adds a value.</summary>
    public void Add(double value)
    {
        Count++;
        double delta = value - Mean;
        Mean += delta / Count;
        _squares += delta * (value - Mean);
    }
}
