using System.Diagnostics;

namespace Edge.Llm.Cli.Pull;

/// <summary>Bytes a second of the last few seconds: what was there before, and is only read again, is soon forgotten.</summary>
internal sealed class Speed
{
    private static readonly TimeSpan s_step = TimeSpan.FromSeconds(3);
    private (long Time, long Bytes) _earlier, _recent;

    /// <summary>So many bytes are there now. 0: nothing can be said yet.</summary>
    public double Update(long bytes)
    {
        long now = Stopwatch.GetTimestamp();
        if (_earlier.Time == 0) _earlier = _recent = (now, bytes);
        if (Stopwatch.GetElapsedTime(_recent.Time, now) >= s_step) (_earlier, _recent) = (_recent, (now, bytes));
        double seconds = Stopwatch.GetElapsedTime(_earlier.Time, now).TotalSeconds;
        return seconds > 0 ? Math.Max(bytes - _earlier.Bytes, 0) / seconds : 0;
    }
}
