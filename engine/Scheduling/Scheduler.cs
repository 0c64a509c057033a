using System.Diagnostics;
using Edge.Llm.Adapters;
using Edge.Llm.Models;
using Edge.Llm.Threading;

namespace Edge.Llm.Scheduling;

/// <summary>Runs the generations of a context together. A reader without a token drives steps for all until it has one: every answer under way
/// goes on by a token, and prompts fill the rest of the batch. A request's tokens do not depend on its neighbours.</summary>
internal sealed partial class Scheduler(ModelRunner runner, Lifetime lifetime, double promptShare, Speculation? speculation = null)
{
    private readonly List<Request> _requests = []; // by rank
    private readonly List<Request> _running = []; // those of this step
    private readonly Batch _batch = new();
    private List<Request> _pass = []; // those of the pass under way

    /// <summary>Adds a request. Its tokens come as the result is read.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, Busy.</exception>
    public Generation Generate(
        int[] prompt, Tokenizer tokenizer, GenerateOptions options, AdapterSet? adapters, Sequence? sequence, CancellationToken cancellation)
    {
        var request = new Request(prompt, tokenizer, options, adapters, sequence, runner.NewSequence, runner.Cache.MaxLength,
            speculation?.DraftFor(options), cancellation);
        Enqueue(request);
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
        foreach (Request request in requests) Enqueue(request);
        return [.. requests.Select(request => new Generation(this, request))];
    }

    // One forward pass for all that fits into it.
    private void Step()
    {
        long started = Stopwatch.GetTimestamp();
        foreach (Request request in _running) request.ShiftIfFull();
        speculation?.Propose(_running);
        Fill(started);
        GroupByAdapters();
        bool hasAnswers = _filled.Exists(request => request.IsDecoding);
        int promptTokens = _filled.Sum(request => request.IsDecoding ? 0 : request.Planned);
        if (_filled.Count > 0) Forward(_filled);
        else if (_running.Count > 0 && !_running.Exists(request => request.IsDone)) (_blocked ?? _running[0]).Fail(_full ?? NotRun());
        foreach (Request request in _running) request.SaveIfDone();
        if (_filled.Count > 0) _promptPace.Observe(hasAnswers, promptTokens, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    // A pass that fails is run again for each request alone, so that only the one at fault ends.
    private void Forward(List<Request> requests)
    {
        _batch.Clear();
        _pass = requests;
        foreach (Request request in requests) request.AddTo(_batch);
        try
        {
            var logits = new Logits(runner.Forward(_batch, hasEnded: NobodyNeedsThePass));
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

    private bool NobodyNeedsThePass()
    {
        foreach (Request request in _pass) if (request.IsWanted) return false;
        return true;
    }
}
