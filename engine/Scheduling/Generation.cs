using System.Collections;
using Edge.Llm.Scheduling;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>An answer as it is generated. It can be read once, by one thread at a time; reading it drives the model. The last item, and only
/// it, has a finish reason; it may carry text that was held back. Generations of one context that are read at the same time share its
/// passes: one that was begun goes on, also while nobody reads it, until it ends, is disposed of or is collected.</summary>
public sealed class Generation : IEnumerable<GeneratedToken>, IEnumerator<GeneratedToken>
{
    private readonly Scheduler _scheduler;
    private readonly Request _request;
    private readonly Gate _reader;
    private bool _told; // the reader knows how it ended
    private volatile bool _disposed;

    internal Generation(Scheduler scheduler, Request request)
    {
        _scheduler = scheduler;
        _request = request;
        _reader = new Gate(this, 1, "another thread reads this generation", () => { });
    }

    /// <summary>Ends one that was dropped without being disposed of.</summary>
    ~Generation() => _scheduler.Forget(_request);

    /// <summary>Counts and times so far.</summary>
    public GenerationStatistics Statistics => _request.Statistics;

    /// <summary>Why it ended, once the reader has been told.</summary>
    public FinishReason? Finish => Current.Finish;

    /// <summary>Whether its reader was told how it ended.</summary>
    public bool IsOver => _told;

    /// <summary>The item read last.</summary>
    public GeneratedToken Current { get; private set; }

    object IEnumerator.Current => Current;

    /// <summary>Reads the next item, and computes it if need be; false after the last one.</summary>
    /// <exception cref="EdgeLlmException">What ended it: NonFinite, ContextFull, OutOfMemory. Or what kept it from going on: Busy, InvalidFile.</exception>
    /// <exception cref="ObjectDisposedException">It, its context or its model was disposed of before its end.</exception>
    public bool MoveNext()
    {
        if (_told) return false;
        ObjectDisposedException.ThrowIf(_disposed, this);
        using Gate.Use reading = _reader.Hold();
        _scheduler.Pull(_request);
        ObjectDisposedException.ThrowIf(!TryTake(), this);
        return true;
    }

    /// <summary>Reads the next item if it is there; computes nothing. Steps are driven elsewhere: by <see cref="Context.Step"/>, by the context's own
    /// thread, or by readers of other generations.</summary>
    /// <returns>Whether <see cref="Current"/> is a new item; false also after the last one.</returns>
    /// <exception cref="EdgeLlmException">What ended it.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed of before its end.</exception>
    public bool TryReadNext()
    {
        if (_told) return false;
        ObjectDisposedException.ThrowIf(_disposed, this);
        using Gate.Use reading = _reader.Hold();
        return TryTake();
    }

    /// <summary>Ends it with <see cref="FinishReason.Cancelled"/>, which its reader is told by the next item that is not made yet. Any thread may call this; it
    /// waits for nothing.</summary>
    public void Cancel() => _scheduler.Cancel(_request);

    /// <summary>Itself.</summary>
    public IEnumerator<GeneratedToken> GetEnumerator() => this;

    IEnumerator IEnumerable.GetEnumerator() => this;

    private bool TryTake()
    {
        try
        {
            if (!_request.TryRead(out GeneratedToken token)) return false;
            Current = token;
            _told = token.Finish is not null;
            if (_told) _scheduler.Forget(_request); // one that was cancelled between two steps still holds its blocks
            return true;
        }
        catch when (!_disposed)
        {
            _told = true;
            throw;
        }
    }

    /// <summary>Not possible.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    void IEnumerator.Reset() => throw new NotSupportedException("a generation can be read once");

    /// <summary>Ends it. A sequence of the caller's keeps what was read but for the last token. To read on throws, unless the end was read.</summary>
    public void Dispose()
    {
        _disposed = true;
        _scheduler.Remove(_request);
        GC.SuppressFinalize(this);
    }
}
