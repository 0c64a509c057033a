using System.Diagnostics;

namespace Edge.Llm.Tokenization;

/// <summary>The best path to each place of a text. At a place that all paths pass, the tokens before it are settled and leave, so that only the
/// stretch between two such places takes memory.</summary>
internal sealed class BestPaths(int unknownId, List<int> ids)
{
    private Step[] _steps = Begin();
    private int _settled; // the place of _steps[0]
    private int _start; // where the tokens that are offered begin
    private int _reach; // the farthest place that a token ends at
    private bool _lastIsUnknown;

    private struct Step
    {
        public static readonly Step None = new() { Score = -float.MaxValue };

        /// <summary>The sum up to this place: in double, as it is compared.</summary>
        public double Score;
        public int Id, Length;
    }

    /// <summary>Tokens that begin here come next; places come in ascending order.</summary>
    public void StartAt(int place)
    {
        Debug.Assert(place >= _start);
        _start = place;
        if (_reach <= place && place > _settled) Settle(place);
    }

    /// <summary>A token from the start on. Of equal sums the first stays.</summary>
    public void Offer(int length, int id, float score)
    {
        int end = _start + length - _settled;
        if (end >= _steps.Length) Grow(end);
        double sum = _steps[_start - _settled].Score + score;
        if (sum > _steps[end].Score) _steps[end] = new Step { Score = sum, Id = id, Length = length };
        _reach = Math.Max(_reach, _start + length);
    }

    /// <summary>The text ends here.</summary>
    public void Finish(int place)
    {
        if (place > _settled) Settle(place);
    }

    private void Settle(int place)
    {
        int first = ids.Count, at = place - _settled;
        double score = _steps[at].Score;
        while (at > 0)
        {
            // No token reaches this place: its scores are no numbers. All before it is unknown.
            Step step = _steps[at].Length > 0 ? _steps[at] : new Step { Id = unknownId, Length = at };
            ids.Add(step.Id);
            at -= step.Length;
        }
        ids.Reverse(first, ids.Count - first);
        JoinUnknown(first);
        Array.Fill(_steps, Step.None, 0, place - _settled + 1);
        _steps[0] = new Step { Score = score };
        _settled = place;
    }

    /// <summary>One unknown token stands for a run of them.</summary>
    private void JoinUnknown(int first)
    {
        int kept = first;
        for (int i = first; i < ids.Count; i++)
        {
            bool unknown = ids[i] == unknownId;
            if (!unknown || !_lastIsUnknown) ids[kept++] = ids[i];
            _lastIsUnknown = unknown;
        }
        ids.RemoveRange(kept, ids.Count - kept);
    }

    private static Step[] Begin()
    {
        var steps = new Step[64];
        Array.Fill(steps, Step.None, 1, steps.Length - 1);
        return steps;
    }

    private void Grow(int end)
    {
        int before = _steps.Length;
        Array.Resize(ref _steps, Math.Max(end + 1, before * 2));
        Array.Fill(_steps, Step.None, before, _steps.Length - before);
    }
}
