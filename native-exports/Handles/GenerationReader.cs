using System.Diagnostics;

namespace Edge.Llm.Native;

/// <summary>A text being generated, read step by step.</summary>
internal sealed class GenerationReader : IDisposable
{
    private readonly ContextResource _owner;
    private readonly Generation _generation;
    private readonly PieceMemory _piece = new();

    /// <summary>Checks everything and computes nothing. From here to <see cref="Dispose"/> the context's work is this.</summary>
    /// <param name="owner">The context.</param>
    /// <param name="sequence">The number of the sequence it happens in.</param>
    /// <param name="prompt">All tokens of the text so far; null: those of the sequence.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="milliseconds">Until the deadline; negative: the context's.</param>
    public GenerationReader(ContextResource owner, int sequence, int[]? prompt, GenerateOptions options, long milliseconds)
    {
        _owner = owner;
        Sequence cached = owner.Sequence(sequence);
        CancellationToken cancellation = owner.Interruption.Begin(milliseconds);
        try
        {
            _generation = owner.Context.Generate(prompt ?? [.. cached.Tokens], options, cached, cancellation);
        }
        catch
        {
            owner.Interruption.End();
            throw;
        }
        owner.Finish = null;
        owner.Statistics = _generation.Statistics;
    }

    /// <summary>What the caller calls it; 0: nothing.</summary>
    public uint Id { get; init; }

    /// <summary>The conversation that it answers, or null.</summary>
    public ChatPrompt? Chat { init => Parts = value is null ? null : new AnswerParts(value.NewScanner(_generation.Statistics.Seed)); }

    /// <summary>The parts of the answer, or null.</summary>
    public AnswerParts? Parts { get; private init; }

    /// <summary>How the last step ended it, or null.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>Computes the next step. Its text is valid until the one after.</summary>
    /// <exception cref="EdgeLlmException">As the engine's <see cref="Generation.MoveNext"/>.</exception>
    public PieceData Next()
    {
        _owner.Interruption.CheckDeadline();
        long start = Stopwatch.GetTimestamp();
        int before = _generation.Statistics.EvaluatedTokens;
        _generation.MoveNext(); // the last step says that it is the last
        _owner.Count(_generation.Statistics.EvaluatedTokens - before, Stopwatch.GetTimestamp() - start);
        GeneratedToken step = _generation.Current;
        Finish = step.Finish == FinishReason.Cancelled && _owner.Interruption.Reason == ErrorCode.DeadlineExceeded ? FinishReason.Deadline : step.Finish;
        _owner.Finish = Finish;
        Parts?.Add(step.Text, isLast: Finish is not null);
        return _piece.Set(step, Finish, Id);
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

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _generation.Dispose();
        _owner.Interruption.End();
    }
}
