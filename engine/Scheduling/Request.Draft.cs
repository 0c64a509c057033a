namespace Edge.Llm.Scheduling;

/// <content>Tokens that are guessed ahead of its answer.</content>
internal sealed partial class Request
{
    /// <summary>Tokens drafted that it adds behind them.</summary>
    public int Guessed { get; private set; }

    /// <summary>What is drafted for it, or null.</summary>
    public Draft? Draft { get; }

    /// <summary>Tokens to draft at most for the next pass: behind them one more is chosen.</summary>
    public int MostDrafted => IsDecoding && !IsDone
        ? Math.Clamp(Math.Min(_answer.TokensLeft - 1, Sequence.MaxLength - _tokens.Count), 0, Draft!.Pace.Length) : 0;

    /// <summary>How a draft model chooses: as this request does, but for stages that remember more than the text.</summary>
    public SamplingOptions DraftSampling => _options.Sampling with { Seed = _answer.Seed, Mirostat = 0, DryMultiplier = 0 };

    /// <summary>Leaves the guesses out: there is no room for them.</summary>
    public void PlanWithoutGuesses()
    {
        LogitsRows -= Guessed;
        Guessed = 0;
    }

    // Guesses that were wrong leave the sequence. A recurrent layer goes back to the state before the pass.
    private void Settle(int accepted)
    {
        Statistics.DraftedTokens += Guessed;
        Statistics.AcceptedTokens += accepted;
        _length += accepted;
        if (accepted < Guessed) TrimTo(_length);
    }
}
