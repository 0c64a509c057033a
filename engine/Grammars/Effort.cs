namespace Edge.Llm.Grammars;

/// <summary>What a grammar may still cost: steps of the work under way, and entries that it keeps. Both bounds together keep a hostile
/// grammar below a second and 64 MB.</summary>
internal sealed class Effort
{
    /// <summary>Bytes that a grammar may keep.</summary>
    public const long MostBytes = 48 << 20;

    /// <summary>Steps that one call may take.</summary>
    public const long StepsOfOneCall = 6_000_000;

    private long _steps = StepsOfOneCall;
    private long _bytes;
    private CancellationToken _cancellation;

    /// <summary>Begins the work of one call.</summary>
    public void Restart(CancellationToken cancellation = default)
    {
        _steps = StepsOfOneCall;
        _cancellation = cancellation;
    }

    /// <summary>Counts steps.</summary>
    /// <exception cref="EdgeLlmException">GrammarError: too many. Cancelled.</exception>
    public void Spend(long steps)
    {
        long left = _steps -= steps;
        if (left < 0) throw new EdgeLlmException(ErrorCode.GrammarError, "the grammar takes too much time: expected fewer alternatives, or less nesting");
        if ((left & 1023) < steps && _cancellation.IsCancellationRequested)
            throw new EdgeLlmException(ErrorCode.Cancelled, "cancelled while the grammar was compiled");
    }

    /// <summary>Counts bytes kept, and the step that keeping them is.</summary>
    /// <exception cref="EdgeLlmException">GrammarError: too many.</exception>
    public void Keep(int bytes)
    {
        Spend(1);
        if ((_bytes += bytes) > MostBytes)
            throw new EdgeLlmException(ErrorCode.GrammarError, $"the grammar takes too much memory: expected at most {MostBytes >> 20} MB");
    }

    /// <summary>Bytes kept so far.</summary>
    public long KeptBytes => _bytes;

    /// <summary>Forgets what is not kept any more.</summary>
    public void Release(long bytes) => _bytes -= bytes;
}
