using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>The log: a line a request, on standard error. It has no prompts and no keys.</summary>
internal sealed class RequestLog(ServerOptions options)
{
    /// <summary>A message of the server's own, which may quote another one's.</summary>
    public void Say(string text)
    {
        text = Failure.OneLine(text);
        if (options.JsonLog) Write(json => json.WriteString("message", text));
        else Console.Error.WriteLine("edge-llm: " + text);
    }

    /// <summary>What an error means to the client. The log has what the client is not told.</summary>
    public ApiException Describe(RequestContext? context, Exception error)
    {
        ApiException described = ApiException.Of(error);
        if (error is ApiException) error = error.InnerException ?? described;
        if (described.Status < 500 || error == described) return described;
        string text = Failure.OneLine($"{error.GetType().Name}: {error.Message}");
        if (options.JsonLog)
            Write(json =>
            {
                json.WriteString("request_id", context?.Id);
                json.WriteString("error", text);
            });
        else Console.Error.WriteLine($"edge-llm: {context?.Id}: {text}");
        return described;
    }

    /// <summary>A request that has ended.</summary>
    public void Add(RequestContext context, int status, long started)
    {
        if (options.Quiet) return;
        double milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        string method = context.Http.Request.Method, path = Failure.OneLine(context.Http.Request.Path.Value ?? "");
        if (options.JsonLog)
            Write(json =>
            {
                json.WriteString("request_id", context.Id);
                json.WriteString("method", method);
                json.WriteString("path", path);
                json.WriteNumber("status", status);
                json.WriteNumber("ms", Math.Round(milliseconds, 1));
                if (context.ModelName is null) return;
                json.WriteString("model", context.ModelName);
                json.WriteNumber("prompt_tokens", context.PromptTokens);
                json.WriteNumber("completion_tokens", context.CompletionTokens);
            });
        else
        {
            string tokens = FormattableString.Invariant($"{Failure.OneLine(context.ModelName ?? "")} {context.PromptTokens}+{context.CompletionTokens}");
            string what = FormattableString.Invariant($"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {status} {method} {path} {milliseconds:0.0} ms");
            Console.Error.WriteLine($"{what} {tokens} {context.Id}");
        }
    }

    private static void Write(Action<Utf8JsonWriter> write)
    {
        ReadOnlyMemory<byte> line = Reply.Bytes(json =>
        {
            json.WriteStartObject();
            json.WriteString("time", DateTime.UtcNow);
            write(json);
            json.WriteEndObject();
        });
        Console.Error.WriteLine(Encoding.UTF8.GetString(line.Span));
    }
}
