using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Wire;

/// <summary>An answer that comes piece by piece: server-sent events, or a line of JSON each. It begins with the first piece: until then an error
/// still has a status of its own. A comment stands in a long silence, so that nobody on the way takes the connection for dead.</summary>
internal sealed class EventStream : IAsyncDisposable
{
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(15);

    private readonly HttpContext _http;
    private readonly bool _isLines;
    private readonly ArrayBufferWriter<byte> _buffer = new(512);
    private readonly Utf8JsonWriter _json;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _comments;
    private long _written = Environment.TickCount64;

    private EventStream(HttpContext http, bool isLines)
    {
        (_http, _isLines) = (http, isLines);
        _json = new Utf8JsonWriter(_buffer, Json.Compact);
        _comments = isLines ? Task.CompletedTask : WriteCommentsAsync();
    }

    /// <summary>Server-sent events.</summary>
    public static EventStream Events(HttpContext http) => new(http, isLines: false);

    /// <summary>A line of JSON each (NDJSON).</summary>
    public static EventStream Lines(HttpContext http) => new(http, isLines: true);

    /// <summary>Writes a piece.</summary>
    /// <param name="write">Writes its JSON.</param>
    /// <param name="name">The event's name, or null.</param>
    public Task WriteAsync(Action<Utf8JsonWriter> write, string? name = null) => InTurnAsync(() =>
    {
        if (name is not null) Encoding.UTF8.GetBytes($"event: {name}\n", _buffer);
        if (!_isLines) _buffer.Write("data: "u8);
        _json.Reset(_buffer);
        write(_json);
        _json.Flush();
        _buffer.Write(_isLines ? "\n"u8 : "\n\n"u8);
    }, _http.RequestAborted);

    /// <summary>Writes the event that ends a stream of OpenAI's.</summary>
    public Task WriteDoneAsync() => InTurnAsync(() => _buffer.Write("data: [DONE]\n\n"u8), _http.RequestAborted);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await _comments.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _json.DisposeAsync().ConfigureAwait(false);
        _turn.Dispose();
        _ended.Dispose();
    }

    // A piece that cannot be written whole is not sent.
    private async Task InTurnAsync(Action fill, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            fill();
            await SendAsync().ConfigureAwait(false);
        }
        finally
        {
            _buffer.ResetWrittenCount();
            Volatile.Write(ref _written, Environment.TickCount64);
            _turn.Release();
        }
    }

    private async Task SendAsync()
    {
        HttpResponse response = _http.Response;
        if (!response.HasStarted)
        {
            response.ContentType = _isLines ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
            response.Headers.CacheControl = "no-cache";
            response.Headers["X-Accel-Buffering"] = "no"; // a proxy passes each event on at once
        }
        await response.BodyWriter.WriteAsync(_buffer.WrittenMemory, _http.RequestAborted).ConfigureAwait(false);
    }

    private async Task WriteCommentsAsync()
    {
        while (true)
        {
            TimeSpan left = s_silence - TimeSpan.FromMilliseconds(Environment.TickCount64 - Volatile.Read(ref _written));
            if (left > TimeSpan.Zero)
            {
                await Task.Delay(left, _ended.Token).ConfigureAwait(false);
                continue;
            }
            await InTurnAsync(() => _buffer.Write(": \n\n"u8), _ended.Token).ConfigureAwait(false);
        }
    }
}
