using System.Diagnostics;
using Edge.Llm.Adapters;
using Edge.Llm.Cache;
using Edge.Llm.Models;
using Edge.Llm.Threading;

namespace Edge.Llm.Scheduling;

/// <summary>Runs the generations of a context together. A reader without a token drives a step for all: every request that decodes takes one
/// token, then prompts fill the batch in the order of arrival. A request's tokens do not depend on its neighbours.</summary>
internal sealed partial class Scheduler(ModelRunner runner, Lifetime lifetime, Speculation? speculation = null)
{
    private readonly List<Request> _requests = []; // by arrival
    private readonly List<Request> _running = [];  // those of this step
    private readonly List<Request> _filled = [];   // those in the batch
    private readonly Batch _batch = new();
    private readonly CacheClaim _claim = new(runner.Cache);

    /// <summary>Adds a request. Its tokens come as the result is read.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, Busy.</exception>
    public Generation Generate(
        int[] prompt, Tokenizer tokenizer, GenerateOptions options, AdapterSet? adapters, Sequence? sequence, CancellationToken cancellation)
    {
        var request = new Request(prompt, tokenizer, options, adapters, sequence, runner.NewSequence, runner.Cache.MaxLength,
            speculation?.DraftFor(options), cancellation);
        lock (_gate) _requests.Add(request);
        return new Generation(this, request);
    }

    /// <summary>Adds requests for several answers to one prompt, which is computed once. They have one seed.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, OutOfMemory.</exception>
    public Generation[] GenerateChoices(
        int[] prompt, Tokenizer tokenizer, GenerateOptions options, AdapterSet? adapters, int count, CancellationToken cancellation)
    {
        var requests = new List<Request>(count);
        try
        {
            while (requests.Count < count)
            {
                var request = new Request(
                    prompt, tokenizer, options, adapters, null, runner.NewSequence, runner.Cache.MaxLength, speculation?.DraftFor(options), cancellation);
                requests.Add(request);
                if (request != requests[0]) request.Follow(requests[0]);
                options = options with { Choice = options.Choice + 1, Sampling = options.Sampling with { Seed = request.Statistics.Seed } };
            }
        }
        catch
        {
            foreach (Request request in requests) request.Release();
            throw;
        }
        lock (_gate) _requests.AddRange(requests);
        return [.. requests.Select(request => new Generation(this, request))];
    }

    // One forward pass for all that fits into it.
    private void Step(Request reader)
    {
        Request driver = reader.Computes;
        long started = Stopwatch.GetTimestamp();
        speculation?.Propose(_running);
        Fill(driver, started);
        GroupByAdapters();
        if (_filled.Count > 0) Forward(_filled);
        else if (!driver.IsDone) driver.Fail(Full(driver));
    }

    // First those that decode, then prompts; of each kind the driver's request comes first. It always has a row of logits.
    private void Fill(Request driver, long started)
    {
        _filled.Clear();
        _claim.Clear();
        int budget = runner.BatchSize, rows = runner.LogitsRows - (driver.IsDecoding ? 0 : 1);
        foreach (bool decoding in (ReadOnlySpan<bool>)[true, false])
            foreach (Request request in _running)
            {
                if (budget == 0 || request.IsDone || request.IsDecoding != decoding) continue;
                int reserved = !decoding && request == driver ? 1 : 0;
                request.Plan(budget, rows + reserved, started);
                if (request.Planned == 0 || (!decoding && Waits(request)) || !TryClaim(request)) continue;
                _filled.Add(request);
                budget -= request.Planned + request.Guessed;
                rows -= Math.Max(0, request.LogitsRows - reserved);
            }
    }

    private bool TryClaim(Request request)
    {
        if (request.Guessed > 0 && _claim.TryAdd(request.Sequence, request.Planned + request.Guessed)) return true;
        request.PlanWithoutGuesses();
        return _claim.TryAdd(request.Sequence, request.Planned);
    }

    private bool Waits(Request request)
    {
        foreach (Request other in _filled) if (request.WaitsFor(other)) return true;
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

    // A pass that fails is run again for each request alone, so that only the one at fault ends.
    private void Forward(List<Request> requests)
    {
        _batch.Clear();
        foreach (Request request in requests) request.AddTo(_batch);
        try
        {
            var logits = new Logits(runner.Forward(_batch, cancellation: requests.Count == 1 ? requests[0].Cancellation : default));
            int row = 0;
            foreach (Request request in requests)
            {
                request.Advance(logits, row);
                row += request.LogitsRows;
            }
        }
        catch (EdgeLlmException e) when (e.Code is not (ErrorCode.Busy or ErrorCode.InvalidFile))
        {
            if (requests.Count == 1) requests[0].Fail(e);
            else foreach (Request request in requests) Forward([request]);
        }
    }

    private EdgeLlmException Full(Request request)
    {
        try
        {
            _claim.Clear();
            _claim.Add(request.Sequence, request.Planned);
            _claim.Require();
            return new EdgeLlmException(ErrorCode.Internal, "a request was not run although there is room for it");
        }
        catch (EdgeLlmException e)
        {
            return e;
        }
    }
}
