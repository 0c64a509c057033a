using System.Runtime.InteropServices;

namespace Edge.Llm.Bench;

/// <summary>The processor time of this thread: what else the machine does is left out. The time that garbage collections take is known
/// apart.</summary>
internal static class ThreadClock
{
    private const int ThreadCpuTime = 3;

    /// <summary>What some work takes, in microseconds.</summary>
    /// <param name="All">All of it.</param>
    /// <param name="Pauses">Of that, collections.</param>
    public readonly record struct Span(double All, double Pauses)
    {
        /// <summary>What is left.</summary>
        public double Work => Math.Max(0, All - Pauses);
    }

    public static Span Measure(Action work)
    {
        TimeSpan paused = GC.GetTotalPauseDuration();
        long start = Now();
        work();
        long end = Now();
        return new Span((end - start) / 1000.0, (GC.GetTotalPauseDuration() - paused).TotalMicroseconds);
    }

    private static long Now() => clock_gettime(ThreadCpuTime, out Time time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0;

    [DllImport("libc")]
    private static extern int clock_gettime(int clock, out Time time);

    private record struct Time(long Seconds, long Nanoseconds);
}
