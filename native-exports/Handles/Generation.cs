using System.Diagnostics;

namespace Edge.Llm.Native;

/// <summary>A text being generated, step by step.</summary>
internal sealed unsafe class Generation : IDisposable
{
    private readonly ContextResource _owner;
    private readonly Session _session;
    private readonly IEnumerator<GeneratedToken> _steps;
    private readonly Utf8Text _text = new();

    /// <summary>Checks everything and computes nothing. From here to <see cref="Dispose"/> the context's work is this.</summary>
    /// <param name="owner">The context.</param>
    /// <param name="sequence">The number of the sequence it happens in.</param>
    /// <param name="prompt">All tokens of the text so far; none: those of the sequence.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="milliseconds">Until the deadline; negative: the context's.</param>
    public Generation(ContextResource owner, int sequence, int[] prompt, GenerateOptions options, long milliseconds)
    {
        _owner = owner;
        Sequence cached = owner.Sequence(sequence);
        _session = new Session(owner.Context, owner.Model.Tokenizer, cached);
        CancellationToken cancellation = owner.Interruption.Begin(milliseconds);
        try
        {
            _steps = _session.Generate(prompt.Length == 0 ? [.. cached.Tokens] : prompt, options, cancellation).GetEnumerator();
        }
        catch
        {
            owner.Interruption.End();
            throw;
        }
        owner.Finish = null;
        owner.Statistics = _session.Statistics;
    }

    /// <summary>How the last step ended it, or null.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>Computes the next step. Its text is valid until the one after.</summary>
    /// <exception cref="EdgeLlmException">As the engine's <see cref="Session.Generate"/>.</exception>
    public PieceData Next()
    {
        _owner.Interruption.CheckDeadline();
        long start = Stopwatch.GetTimestamp();
        long before = Evaluated();
        _steps.MoveNext(); // the last step says that it is the last
        _owner.Count(Evaluated() - before, Stopwatch.GetTimestamp() - start);
        GeneratedToken step = _steps.Current;
        Finish = step.Finish == FinishReason.Cancelled && _owner.Interruption.Reason == ErrorCode.DeadlineExceeded ? FinishReason.Deadline : step.Finish;
        _owner.Finish = Finish;
        _text.Set(step.Text);
        return new PieceData { StructSize = (uint)sizeof(PieceData), Token = step.Token, Finish = (int)Finish.GetValueOrDefault(), Text = _text.Data, TextLength = _text.Length };
    }

    /// <summary>A callback asked to stop.</summary>
    public void Stop()
    {
        _owner.Finish = Finish = FinishReason.Cancelled;
        _owner.Interruption.Cancel();
    }

    /// <summary>Throws if it was ended early.</summary>
    /// <exception cref="EdgeLlmException">Cancelled, DeadlineExceeded.</exception>
    public void ThrowIfInterrupted()
    {
        if (Finish is FinishReason.Cancelled or FinishReason.Deadline) throw _owner.Interruption.Error();
    }

    public void Dispose()
    {
        _steps.Dispose();
        _session.Dispose();
        _owner.Interruption.End();
    }

    // Tokens run through the model: the prompt's, and every one chosen but the last.
    private long Evaluated() => _session.Statistics.GeneratedTokens == 0 ? 0
        : _session.Statistics.PromptTokens - _session.Statistics.ReusedTokens + _session.Statistics.GeneratedTokens - 1;
}
