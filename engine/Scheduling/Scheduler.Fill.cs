using Edge.Llm.Cache;

namespace Edge.Llm.Scheduling;

/// <content>What goes into a pass. Requests rank by priority, then by arrival.</content>
internal sealed partial class Scheduler
{
    private readonly CacheClaim _claim = new(runner.Cache);
    private readonly PromptPace _promptPace = new(promptShare);
    private readonly List<Request> _filled = []; // those in the batch
    private Request? _blocked; // it found no room in the last pass
    private EdgeLlmException? _full; // why, where it was alone

    // First each answer under way; then prompts, of which each leaves half of the room to those behind it. One that was preempted waits until
    // another request has ended, or nothing else runs.
    private void Fill(long started)
    {
        _filled.Clear();
        _claim.Clear();
        MakeRoomForBlocked();
        int budget = runner.BatchSize, rows = runner.LogitsRows;
        int answers = _running.Count(request => request.IsDecoding), prompts = _running.Count - answers;
        foreach (Request request in _running)
            if (request.IsDecoding && answers-- > 0) Add(request, Math.Max(1, budget - answers), Math.Max(1, rows - answers));
        if (_filled.Count > 0) budget = _promptPace.Limit(budget);
        foreach (Request request in _running)
            if (!request.IsDecoding && prompts-- > 0 && !(request.PreemptedAfter == _retired && _filled.Count > 0)) Add(request, prompts == 0 ? budget : (budget + 1) / 2, rows);

        void Add(Request request, int tokens, int logits)
        {
            if (budget == 0) return;
            request.Plan(Math.Min(tokens, budget), Math.Min(logits, rows), _claim, started);
            if (request.Planned == 0 || Waits(request) || !TryClaim(request))
            {
                request.Wait();
                return;
            }
            _filled.Add(request);
            budget -= request.Planned + request.Guessed;
            rows -= request.LogitsRows;
        }
    }

    private bool Waits(Request request)
    {
        foreach (Request other in _filled) if (request.WaitsFor(other)) return true;
        return false;
    }

    // Where the cache is full, the request of the lowest rank gives its blocks back, and is computed again later.
    private bool TryClaim(Request request)
    {
        if (request.Guessed > 0 && _claim.TryAdd(request.Sequence, request.Planned + request.Guessed)) return true;
        request.PlanWithoutGuesses();
        while (!_claim.TryAdd(request.Sequence, request.Planned))
        {
            if (TryPreemptBelow(request)) continue;
            if (_filled.Count == 0) _full ??= Full(request);
            _blocked ??= request;
            return false;
        }
        return true;
    }

    private void MakeRoomForBlocked()
    {
        if (_blocked is { IsDone: false } blocked && _running.Contains(blocked)) TryPreemptBelow(blocked);
        (_blocked, _full) = (null, null);
    }

    private bool TryPreemptBelow(Request request)
    {
        for (int i = _running.Count - 1; i >= 0 && _running[i] != request; i--)
            if (_running[i] is { IsDone: false, HoldsBlocks: true } last && !_filled.Contains(last))
            {
                last.Preempt(_retired);
                return true;
            }
        return false;
    }

    // Requests with the same adapters stand together, so that their rows are multiplied together.
    private void GroupByAdapters()
    {
        for (int i = 2; i < _filled.Count; i++)
        {
            Request request = _filled[i];
            int before = i - 1;
            while (before >= 0 && !_filled[before].Sequence.AdapterSet.Equals(request.Sequence.AdapterSet)) before--;
            if (before < 0 || before == i - 1) continue;
            _filled.RemoveAt(i);
            _filled.Insert(before + 1, request);
        }
    }

    // The cache has no room for a request alone.
    private EdgeLlmException Full(Request request)
    {
        try
        {
            _claim.Add(request.Sequence, request.Planned);
            _claim.Require();
            return NotRun();
        }
        catch (EdgeLlmException e)
        {
            return e;
        }
        finally
        {
            _claim.Clear();
        }
    }

    private static EdgeLlmException NotRun() => new(ErrorCode.Internal, "a request was not run although there is room for it");
}
