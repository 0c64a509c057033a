using System.Net.Http.Headers;
using System.Threading.Channels;
using Edge.Llm.Cli.Pull;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>Sends spans to a collector of OpenTelemetry (OTLP over HTTP, as JSON). Requests do not wait for it: what it cannot take is dropped.</summary>
internal sealed class Traces : IAsyncDisposable
{
    private const int MostWaiting = 2048, MostAtOnce = 256;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5), s_pause = TimeSpan.FromMilliseconds(500);

    private readonly Channel<TraceSpan> _spans =
        Channel.CreateBounded<TraceSpan>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly HttpClient _client = new() { Timeout = s_patience };
    private readonly TaskCompletionSource _closes = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ends = new();
    private readonly Task _sending;

    /// <param name="collector">Where to: a URL without a path means /v1/traces.</param>
    /// <param name="say">Is told when the collector does not take them.</param>
    public Traces(Uri collector, Action<string> say)
    {
        if (collector.Scheme == Uri.UriSchemeHttps) Web.NeedOpenSsl();
        Uri url = collector.AbsolutePath == "/" ? new UriBuilder(collector) { Path = "/v1/traces" }.Uri : collector;
        _sending = SendAllAsync(url, say);
    }

    /// <summary>Adds the span of a request that has ended, unless its caller does not want one.</summary>
    public void Add(RequestContext context, string path, int status, long started)
    {
        if (TraceSpan.Of(context, path, status, started) is { } span) _spans.Writer.TryWrite(span);
    }

    /// <summary>Sends what waits, for a few seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        _spans.Writer.TryComplete();
        _closes.TrySetResult();
        _ends.CancelAfter(s_patience);
        await _sending.ConfigureAwait(false);
        _ends.Dispose();
        _client.Dispose();
    }

    private async Task SendAllAsync(Uri url, Action<string> say)
    {
        bool wasTaken = true;
        while (await _spans.Reader.WaitToReadAsync().ConfigureAwait(false) && !_ends.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(s_pause), _closes.Task).ConfigureAwait(false);
            var batch = new List<TraceSpan>();
            while (batch.Count < MostAtOnce && _spans.Reader.TryRead(out TraceSpan? span)) batch.Add(span);
            string? problem = await SendAsync(url, batch).ConfigureAwait(false);
            if (problem is not null && wasTaken) say($"traces are lost: {url.Host}: {problem}");
            wasTaken = problem is null;
        }
    }

    private async Task<string?> SendAsync(Uri url, List<TraceSpan> batch)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url);
            request.Content = new ReadOnlyMemoryContent(Body(batch)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            // Of the answer the status counts: its body is not read, however long it is.
            using HttpResponseMessage response =
                await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _ends.Token).ConfigureAwait(false);
            return response.IsSuccessStatusCode ? null : $"{(int)response.StatusCode} {response.ReasonPhrase}";
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return e is HttpRequestException ? e.Message : "no answer";
        }
    }

    private static ReadOnlyMemory<byte> Body(List<TraceSpan> batch) => Reply.Bytes(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("resourceSpans");
        json.WriteStartObject();
        json.WriteStartObject("resource");
        json.WriteStartArray("attributes");
        TraceSpan.Text(json, "service.name", "edge-llm");
        TraceSpan.Text(json, "service.version", EngineVersion.Text);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartArray("scopeSpans");
        json.WriteStartObject();
        json.WriteStartObject("scope");
        json.WriteString("name", "edge-llm");
        json.WriteEndObject();
        json.WriteStartArray("spans");
        foreach (TraceSpan span in batch) span.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
