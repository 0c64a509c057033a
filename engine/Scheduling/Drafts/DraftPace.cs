namespace Edge.Llm.Scheduling;

/// <summary>How many tokens to draft for a request: as many as promise the most tokens a second by what was measured, and none for a while where
/// no draft promises clearly more than plain passes make. The pauses grow, so that text which cannot be drafted costs little.</summary>
internal sealed class DraftPace(int most)
{
    private const int FirstPause = 2, ShortestPause = 64, LongestPause = 1024, Growth = 4; // in passes
    private const int Trial = 2, Proven = 8, Refresh = 64; // in drafts
    private const double Worth = 1.02; // tokens a second over those of plain passes that a draft must promise
    private const double HopefulChance = 0.7, Decay = 0.9;

    private readonly DraftTimes _times = new(most);
    private double _right, _tried; // guesses, the last ones above all
    private int _length, _pause = FirstPause, _nextPause = ShortestPause;
    private int _drafts; // since the last plain pass
    private int _trial; // drafts before it may give up
    private bool _isOff = true, _isLate; // the next draft takes longer: the draft model has missed some text

    /// <summary>Tokens to draft for the next pass.</summary>
    public int Length => _pause > 0 ? 0 : _length;

    /// <summary>Learns from a pass.</summary>
    /// <param name="drafted">Tokens drafted.</param>
    /// <param name="accepted">Of these, tokens that were chosen indeed.</param>
    /// <param name="seconds">Time of the pass, and of its drafting.</param>
    public void Observe(int drafted, int accepted, double seconds)
    {
        if (drafted == 0 || !_isLate) _times.Add(drafted, seconds);
        if (drafted == 0)
        {
            _drafts = 0;
            if (_pause > 0 && --_pause == 0 && _isOff) TryAgain();
            return;
        }
        _isLate = false;
        _right = (Decay * _right) + accepted;
        _tried = (Decay * _tried) + Math.Min(accepted + 1, drafted);
        _drafts++;
        _length = BestLength(out double gain);
        if (--_trial <= 0 && gain < Worth)
        {
            (_isOff, _pause) = (true, _nextPause);
            _nextPause = Math.Min(Growth * _nextPause, LongestPause);
        }
        else if (_drafts == Proven) _nextPause = ShortestPause;
        else if (_drafts == Refresh) _pause = 1; // the text has grown: what a plain pass takes is measured again
    }

    /// <summary>Drafts none for a long while.</summary>
    public void Pause() => (_isOff, _pause) = (true, LongestPause);

    // The text may be another one than before the pause.
    private void TryAgain()
    {
        (_isOff, _isLate, _trial, _right, _tried) = (false, true, Trial, HopefulChance, 1);
        _length = BestLength(out _);
    }

    // Its gain: tokens a second over those of plain passes, if each guess that follows right ones is right by the same chance.
    private int BestLength(out double gain)
    {
        double chance = _right / _tried, likely = 1, tokens = 1;
        int best = 0;
        gain = 0;
        for (int length = 1; length <= most; length++)
        {
            likely *= chance;
            tokens += likely;
            double speedup = tokens / _times.OverPlain(length);
            if (speedup > gain) (gain, best) = (speedup, length);
        }
        return best;
    }
}
