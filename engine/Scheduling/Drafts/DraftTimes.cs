namespace Edge.Llm.Scheduling;

/// <summary>What a pass takes, by the number of tokens drafted for it.</summary>
internal sealed class DraftTimes(int most)
{
    private const int Lifetime = 256; // passes: the text grows, and the machine has other work
    private const double Outlier = 1.5, UnknownDraft = 0.15; // a token's part of a plain pass, before any is known

    private readonly MovingAverage[] _seconds = new MovingAverage[most + 1];
    private readonly int[] _last = new int[most + 1]; // the pass that it was measured in
    private int _passes;

    /// <summary>Takes in the time of a pass. One that takes far longer than others was held up: it counts in part.</summary>
    public void Add(int drafted, double seconds)
    {
        _passes++;
        if (!IsKnown(drafted)) _seconds[drafted].Clear();
        else seconds = Math.Min(seconds, Outlier * _seconds[drafted].Value);
        _seconds[drafted].Add(seconds);
        _last[drafted] = _passes;
    }

    /// <summary>The time with some tokens drafted over that of a plain pass, 1 at least. A number that was not measured of late lies on the line
    /// through the plain pass and the nearest one measured.</summary>
    public double OverPlain(int drafted)
    {
        double plain = _seconds[0].Value;
        for (int distance = 0; distance < most; distance++)
            foreach (int near in (ReadOnlySpan<int>)[drafted - distance, drafted + distance])
                if (near >= 1 && near <= most && IsKnown(near)) return 1 + (Math.Max(0, (_seconds[near].Value / plain) - 1) * drafted / near);
        return 1 + (UnknownDraft * drafted);
    }

    private bool IsKnown(int drafted) => _seconds[drafted].Value > 0 && _passes - _last[drafted] < Lifetime;
}
