using System.Diagnostics;

namespace Edge.Llm.Cli;

/// <summary>A line on a terminal's standard error for whatever takes longer than a second; erased in the end.</summary>
internal sealed class Progress : IDisposable
{
    private const int Width = 30;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1), s_interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly string _what;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly bool _visible = !Console.IsErrorRedirected;
    private readonly Timer? _timer;
    private TimeSpan _shown;
    private bool _drawn, _ended;

    /// <summary>Starts; without reports it shows the seconds gone by.</summary>
    public Progress(string what, bool reports)
    {
        _what = what;
        if (_visible && !reports) _timer = new Timer(_ => Draw($"{Stopwatch.GetElapsedTime(_start).TotalSeconds:F0} s"), null, s_patience, s_patience);
    }

    /// <summary>So much of the whole is done.</summary>
    public void Report(long done, long total, string note = "") => Report(done, total, () => $"{done}/{total}{note}");

    /// <summary>The same in words of its own; without a total there is no bar.</summary>
    public void Report(long done, long total, Func<string> state)
    {
        TimeSpan elapsed = Stopwatch.GetElapsedTime(_start);
        if (!_visible || elapsed < s_patience || elapsed - _shown < s_interval) return;
        _shown = elapsed;
        int filled = total > 0 ? (int)(Width * Math.Min(done, total) / total) : 0;
        Draw((total > 0 ? $"[{new string('#', filled)}{new string('.', Width - filled)}] " : "") + state());
    }

    /// <summary>A line on standard error that stays.</summary>
    public void Say(string line)
    {
        lock (_gate)
        {
            Erase();
            Console.Error.WriteLine(line);
        }
    }

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate)
        {
            Erase();
            _ended = true;
        }
    }

    private void Erase()
    {
        if (_drawn) Console.Error.Write("\r\x1b[K");
        _drawn = false;
    }

    private void Draw(string state)
    {
        lock (_gate)
        {
            if (_ended) return; // the timer's last call may come late
            _drawn = true;
            Console.Error.Write($"\r{_what} {state}\x1b[K");
        }
    }
}
