using System.Diagnostics;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Http;

/// <summary>A request with what its endpoint needs, and what the log tells of it.</summary>
internal sealed class RequestContext(HttpContext http, Server server, string salt, string id) : IDisposable
{
    private readonly List<IDisposable> _held = [];

    public HttpContext Http => http;

    public Server Server => server;

    public ServerOptions Options => server.Options;

    /// <summary>Whose request it is: only requests of equal salt share what the cache holds.</summary>
    public string Salt => salt;

    /// <summary>The request's id in headers and the log.</summary>
    public string Id => id;

    /// <summary>Ends when the client goes, or the server stops.</summary>
    public CancellationToken Cancellation => http.RequestAborted;

    /// <summary>The model that answers, for the log.</summary>
    public string? ModelName { get; private set; }

    /// <summary>Tokens of prompt and answers, for the log.</summary>
    public int PromptTokens { get; private set; }

    public int CompletionTokens { get; private set; }

    /// <summary>When the first token of an answer was there (<see cref="Stopwatch.GetTimestamp"/>); 0: none was.</summary>
    public long FirstToken { get; private set; }

    /// <summary>Why its answers ended.</summary>
    public List<string> Finishes { get; } = [];

    /// <summary>Notes that there is a token.</summary>
    public void NoteToken()
    {
        if (FirstToken == 0) FirstToken = Stopwatch.GetTimestamp();
    }

    /// <summary>The body.</summary>
    public Task<Field> ReadBodyAsync() => Body.ReadAsync(http, Hold(server.Bodies.Begin()));

    /// <summary>The model of a name, held in memory until the request ends.</summary>
    public async ValueTask<LoadedModel> UseModelAsync(string? name) => (await LeaseAsync(name).ConfigureAwait(false)).Model;

    /// <summary>The same, with the hold itself.</summary>
    public async ValueTask<ModelLease> LeaseAsync(string? name)
    {
        ModelLease lease = await server.Models.AcquireAsync(name, Cancellation).ConfigureAwait(false);
        _held.Add(lease);
        ModelName = lease.Model.Name;
        return lease;
    }

    /// <summary>Disposes of something when the request ends.</summary>
    public T Hold<T>(T held) where T : IDisposable
    {
        _held.Add(held);
        return held;
    }

    /// <summary>Notes what an answer took.</summary>
    /// <param name="statistics">Its counts.</param>
    /// <param name="withPrompt">Whether its prompt counts: once for all answers to it.</param>
    /// <param name="finish">Why it ended: <c>stop</c>, <c>length</c>, <c>error</c>, <c>cancelled</c>.</param>
    public void Count(GenerationStatistics statistics, bool withPrompt, string finish)
    {
        Finishes.Add(finish);
        // Of a prompt that was given up, what was read of it.
        int read = statistics.GeneratedTokens > 0 ? statistics.PromptTokens
            : Math.Min(statistics.PromptTokens, statistics.ReusedTokens + statistics.EvaluatedTokens);
        if (withPrompt) PromptTokens += read;
        CompletionTokens += statistics.GeneratedTokens;
        server.Metrics.Observe(statistics, withPrompt ? read : 0);
    }

    /// <summary>Notes tokens that were read only.</summary>
    public void CountPrompt(int tokens) => PromptTokens += tokens;

    /// <summary>Disposes of all that is held, the last first, also where one of them throws.</summary>
    public void Dispose()
    {
        try
        {
            while (_held.Count > 0)
            {
                IDisposable last = _held[^1];
                _held.RemoveAt(_held.Count - 1);
                last.Dispose();
            }
        }
        finally
        {
            if (_held.Count > 0) Dispose();
        }
    }
}
