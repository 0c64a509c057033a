namespace Edge.Llm.Threading;

/// <summary>Guards an object that several threads use. At most <paramref name="limit"/> uses go on at a time. Once it is closed no use
/// begins, and when the last one has ended the object is freed, by whichever thread ended it.</summary>
/// <param name="owner">The object, for messages.</param>
/// <param name="limit">Uses at a time.</param>
/// <param name="busy">What the Busy error says.</param>
/// <param name="free">Frees the object, once.</param>
internal sealed class Gate(object owner, int limit, string busy, Action free)
{
    private readonly object _lock = new();
    private int _uses;
    private bool _closed;

    /// <summary>Whether <see cref="Close"/> was called.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_lock) return _closed;
        }
    }

    /// <summary>Begins a use. <see cref="Leave"/> ends it.</summary>
    /// <exception cref="EdgeLlmException">Busy.</exception>
    /// <exception cref="ObjectDisposedException">The gate is closed.</exception>
    public void Enter()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, owner);
            if (_uses == limit) throw new EdgeLlmException(ErrorCode.Busy, busy);
            _uses++;
        }
    }

    /// <summary>Ends a use.</summary>
    public void Leave()
    {
        bool last;
        lock (_lock) last = --_uses == 0 && _closed;
        if (last) free();
    }

    /// <summary>A use that ends when the result is disposed of.</summary>
    /// <exception cref="EdgeLlmException">Busy.</exception>
    /// <exception cref="ObjectDisposedException">The gate is closed.</exception>
    public Use Hold()
    {
        Enter();
        return new Use(this);
    }

    /// <summary>Closes the gate. A second call does nothing.</summary>
    public void Close()
    {
        bool last;
        lock (_lock)
        {
            last = !_closed && _uses == 0;
            _closed = true;
        }
        if (last) free();
    }

    /// <summary>A use of the guarded object.</summary>
    public readonly ref struct Use(Gate gate)
    {
        public void Dispose() => gate.Leave();
    }
}
