using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Edge.Llm.Scheduling;

/// <content>How it ends early: cancelled, out of time, left by its reader, or by an error.</content>
internal sealed partial class Request
{
    private readonly CancellationToken _callers;
    private readonly CancellationTokenSource? _deadlineSource;
    private readonly long _deadline = long.MaxValue;
    private volatile bool _cancelled, _left; // by its reader, on any thread
    private ExceptionDispatchInfo? _error;

    /// <summary>Ends it early: cancelled, or out of time.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Whether somebody waits for what it makes.</summary>
    public bool IsWanted => !(IsDone || _left || IsCancelled || IsLate);

    /// <summary>Ends it with an error, which its reader gets; a cancelled one ends as such.</summary>
    public void Fail(Exception error)
    {
        if (error is EdgeLlmException { Code: ErrorCode.Cancelled } && (_left || EndIfCancelled())) return;
        _error ??= ExceptionDispatchInfo.Capture(error);
    }

    /// <summary>Ends it as cancelled, when somebody looks next.</summary>
    public void Cancel() => _cancelled = true;

    /// <summary>Its reader goes: no pass is needed for it.</summary>
    public void Leave() => _left = true;

    /// <summary>Whether nobody reads it any more.</summary>
    public bool HasLeft => _left;

    /// <summary>Its reader has gone.</summary>
    public void Abandon()
    {
        lock (_answer) _answer.Abandon();
    }

    /// <summary>Ends it for its reader if it is cancelled or out of time, also in the middle of a pass, unless the caller needs its sequence next.</summary>
    public bool EndsEarly() => OwnsSequence && EndIfCancelled();

    /// <summary>Gives the sequence back. What the reader has not seen of an unfinished answer is forgotten.</summary>
    public void Release()
    {
        _deadlineSource?.Dispose();
        int unread = IsDone ? 0 : _answer.Unread;
        try
        {
            if (!OwnsSequence && unread > 0 && Sequence.Length == _length) Sequence.Trim(Math.Clamp(_tokens.Count - 1 - unread, 0, _length));
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            // The caller has disposed of the sequence, or runs it: then it is not this request's to trim.
        }
        Sequence.Disown(this);
        if (OwnsSequence) Sequence.Dispose();
        Draft?.Dispose();
    }

    private bool IsCancelled => _cancelled || _callers.IsCancellationRequested;

    private bool IsLate => _options.Deadline is not null && (Cancellation.IsCancellationRequested || Stopwatch.GetTimestamp() >= _deadline);

    private bool EndIfCancelled()
    {
        lock (_answer)
        {
            if (IsDone) return true;
            if (IsCancelled) _answer.End(FinishReason.Cancelled);
            else if (IsLate) _answer.End(FinishReason.Deadline);
            return IsDone;
        }
    }
}
