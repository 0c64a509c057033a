namespace Edge.Llm.Scheduling;

/// <summary>How many tokens to draft for a request: more where drafts come true, fewer where they do not, and none for a while where they take
/// more time than they save. The pauses grow, so that text which cannot be drafted costs little.</summary>
internal sealed class DraftPace(int most)
{
    private const int First = 4, Trial = 4, ShortestPause = 32, LongestPause = 1024, Growth = 4, Refresh = 64;
    private const double Worth = 0.98;

    private int _length = Math.Min(most, First), _pause = 2, _nextPause = ShortestPause;
    private int _passes; // with a draft, since the last decision
    private MovingAverage _plainTime, _draftedTime; // seconds a token

    /// <summary>Tokens to draft for the next pass.</summary>
    public int Length => _pause > 0 ? 0 : _length;

    /// <summary>Learns from a pass.</summary>
    /// <param name="drafted">Tokens drafted.</param>
    /// <param name="accepted">Of these, tokens that were chosen indeed.</param>
    /// <param name="seconds">Time of the pass, and of its drafting.</param>
    public void Observe(int drafted, int accepted, double seconds)
    {
        if (drafted == 0)
        {
            _plainTime.Add(seconds);
            if (_pause > 0) _pause--;
            return;
        }
        _draftedTime.Add(seconds / (accepted + 1));
        _length = accepted == drafted ? Math.Min(most, _length + 2) : Math.Max(1, accepted + 1);
        if (++_passes % Trial != 0) return;
        if (_draftedTime.Value > Worth * _plainTime.Value)
        {
            (_pause, _nextPause) = (_nextPause, Math.Min(Growth * _nextPause, LongestPause));
            (_length, _passes) = (Math.Min(most, 2), 0);
            _draftedTime.Clear();
        }
        else
        {
            _nextPause = ShortestPause;
            if (_passes >= Refresh) (_pause, _passes) = (1, 0); // the text has grown: what a plain pass takes is measured again
        }
    }

    /// <summary>Drafts none for a long while.</summary>
    public void Pause() => _pause = LongestPause;
}
