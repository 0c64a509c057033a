using System.Diagnostics;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>A request as OpenTelemetry's conventions for generative models describe it: no prompts, no answers.</summary>
internal sealed class TraceSpan
{
    private readonly string _traceId, _path, _method;
    private readonly string? _parent, _model;
    private readonly long _start, _end; // nanoseconds since 1970
    private readonly int _status, _promptTokens, _completionTokens;
    private readonly string[] _finishes;
    private readonly double? _firstToken;

    private TraceSpan(RequestContext context, string path, int status, long started, (string TraceId, string Parent)? caller)
    {
        (_traceId, _parent) = caller is { } known ? (known.TraceId, known.Parent) : (Id() + Id(), null);
        (_path, _method, _model, _status) = (path, context.Http.Request.Method, context.ModelName, status);
        (_promptTokens, _completionTokens, _finishes) = (context.PromptTokens, context.CompletionTokens, [.. context.Finishes]);
        if (context.FirstToken != 0) _firstToken = Stopwatch.GetElapsedTime(started, context.FirstToken).TotalSeconds;
        _end = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        _start = _end - (Stopwatch.GetElapsedTime(started).Ticks * TimeSpan.NanosecondsPerTick);
    }

    /// <summary>The span of a request that has ended; null: its caller does not want one.</summary>
    public static TraceSpan? Of(RequestContext context, string path, int status, long started)
    {
        string header = context.Http.Request.Headers.TraceParent.ToString();
        // 00-TRACE-SPAN-FLAGS (W3C); one that is written otherwise is none.
        if (!ActivityContext.TryParse(header, null, out ActivityContext caller)) return new TraceSpan(context, path, status, started, null);
        return caller.TraceFlags.HasFlag(ActivityTraceFlags.Recorded)
            ? new TraceSpan(context, path, status, started, (caller.TraceId.ToHexString(), caller.SpanId.ToHexString())) : null;
    }

    /// <summary>Writes it as OTLP has it.</summary>
    public void Write(Utf8JsonWriter json)
    {
        const int Server = 2, Error = 2;
        string? operation = Operation(_path);
        json.WriteStartObject();
        json.WriteString("traceId", _traceId);
        json.WriteString("spanId", Id());
        if (_parent is not null) json.WriteString("parentSpanId", _parent);
        json.WriteString("name", operation is null || _model is null ? $"{_method} {_path}" : $"{operation} {_model}");
        json.WriteNumber("kind", Server);
        json.WriteString("startTimeUnixNano", FormattableString.Invariant($"{_start}"));
        json.WriteString("endTimeUnixNano", FormattableString.Invariant($"{_end}"));
        json.WriteStartArray("attributes");
        Text(json, "http.request.method", _method);
        Text(json, "url.path", _path);
        Integer(json, "http.response.status_code", _status);
        Text(json, "gen_ai.provider.name", "edge_llm");
        if (operation is not null) Text(json, "gen_ai.operation.name", operation);
        if (_model is not null) Text(json, "gen_ai.response.model", _model);
        Integer(json, "gen_ai.usage.input_tokens", _promptTokens);
        Integer(json, "gen_ai.usage.output_tokens", _completionTokens);
        if (_firstToken is { } seconds) Attribute(json, "gen_ai.latency.time_to_first_token", () => json.WriteNumber("doubleValue", seconds)); // vLLM's name
        if (_finishes.Length > 0) Attribute(json, "gen_ai.response.finish_reasons", () => WriteFinishes(json));
        if (_status >= 400) Text(json, "error.type", FormattableString.Invariant($"{_status}"));
        json.WriteEndArray();
        json.WriteStartObject("status");
        if (_status >= 500) json.WriteNumber("code", Error);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Writes an attribute of a text.</summary>
    public static void Text(Utf8JsonWriter json, string key, string value) => Attribute(json, key, () => json.WriteString("stringValue", value));

    private static void Integer(Utf8JsonWriter json, string key, long value) =>
        Attribute(json, key, () => json.WriteString("intValue", FormattableString.Invariant($"{value}")));

    private static void Attribute(Utf8JsonWriter json, string key, Action write)
    {
        json.WriteStartObject();
        json.WriteString("key", key);
        json.WriteStartObject("value");
        write();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteFinishes(Utf8JsonWriter json)
    {
        json.WriteStartObject("arrayValue");
        json.WriteStartArray("values");
        foreach (string finish in _finishes)
        {
            json.WriteStartObject();
            json.WriteString("stringValue", finish);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string? Operation(string path) => path[(path.LastIndexOf('/') + 1)..] switch
    {
        "chat" or "responses" or "messages" => "chat",
        "completions" when path.EndsWith("/chat/completions", StringComparison.Ordinal) => "chat",
        "completions" or "completion" or "generate" => "text_completion",
        "embeddings" or "embed" => "embeddings",
        _ => null,
    };

    private static string Id() => $"{Random.Shared.NextInt64(1, long.MaxValue):x16}";
}
