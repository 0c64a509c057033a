using System.Diagnostics;

namespace Edge.Llm.Native;

/// <summary>What ends the work of a context early: a cancellation, from any thread, or a deadline.</summary>
internal sealed class Interruption : IDisposable
{
    private const long Never = long.MaxValue;

    private readonly object _gate = new();
    private readonly CancellationTokenSource _closing = new();
    private CancellationTokenSource _source = new();
    private bool _working, _cancelled, _closed;
    private long _contextDeadline = Never, _deadline = Never; // in Stopwatch ticks

    /// <summary>Ends the requests of the context when its handle is closed.</summary>
    public CancellationToken Closing => _closing.Token;

    /// <summary>The deadline of this and all later work, in milliseconds from now; negative: none.</summary>
    public void SetContextDeadline(long milliseconds) => _contextDeadline = At(milliseconds);

    /// <summary>Work begins. Milliseconds until its own deadline; negative: none but the context's.</summary>
    /// <exception cref="EdgeLlmException">DeadlineExceeded: it has passed already. Cancelled: the context is closed.</exception>
    public CancellationToken Begin(long milliseconds = -1)
    {
        lock (_gate)
        {
            if (_closed) throw new EdgeLlmException(ErrorCode.Cancelled, "the context was closed");
            if (!_source.TryReset())
            {
                _source.Dispose();
                _source = new CancellationTokenSource();
            }
            _cancelled = false;
            _deadline = Math.Min(_contextDeadline, At(milliseconds));
            if (_deadline != Never)
            {
                TimeSpan left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), _deadline);
                if (left <= TimeSpan.Zero) throw new EdgeLlmException(ErrorCode.DeadlineExceeded, "the deadline has passed");
                if (left.TotalMilliseconds < int.MaxValue) _source.CancelAfter(left);
            }
            _working = true;
            return _source.Token;
        }
    }

    /// <summary>Work has ended.</summary>
    public void End()
    {
        lock (_gate) _working = false;
    }

    /// <summary>Cancels the work that is under way, if any.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            if (!_working) return;
            _cancelled = true;
            _source.Cancel();
        }
    }

    /// <summary>Ends the work if its deadline has passed. The timer does that, too, but it comes late on a machine that has no time for it.</summary>
    public void CheckDeadline()
    {
        lock (_gate)
            if (_working && Stopwatch.GetTimestamp() >= _deadline) _source.Cancel();
    }

    /// <summary>Cancels, and lets no more work begin.</summary>
    public void Close()
    {
        lock (_gate) _closed = true;
        Cancel();
        _closing.Cancel();
    }

    /// <summary>Why work that was cancelled was: Cancelled or DeadlineExceeded.</summary>
    public ErrorCode Reason
    {
        get
        {
            // Not by the clock: the timer has its own, which may be a little ahead.
            lock (_gate) return _cancelled || _deadline == Never ? ErrorCode.Cancelled : ErrorCode.DeadlineExceeded;
        }
    }

    /// <summary>The error for work that ended early.</summary>
    public EdgeLlmException Error() => Reason == ErrorCode.DeadlineExceeded
        ? new EdgeLlmException(ErrorCode.DeadlineExceeded, "the deadline passed")
        : new EdgeLlmException(ErrorCode.Cancelled, "cancelled by the caller");

    public void Dispose()
    {
        _source.Dispose();
        _closing.Dispose();
    }

    private static long At(long milliseconds)
    {
        if (milliseconds < 0) return Never;
        long now = Stopwatch.GetTimestamp(), perMillisecond = Math.Max(1, Stopwatch.Frequency / 1000);
        return milliseconds >= (Never - now) / perMillisecond ? Never : now + (milliseconds * perMillisecond);
    }
}
