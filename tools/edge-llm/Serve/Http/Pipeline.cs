using System.Diagnostics;
using System.Globalization;
using Edge.Llm.Cli.Serve.OpenAi;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Http;

/// <summary>What each request goes through: who may call, which endpoint answers, how it failed, the log.</summary>
internal sealed class Pipeline(Server server, Routes routes)
{
    private readonly ApiKeys _keys = new(server.Options.ApiKeys);
    private readonly Origins _origins = new(server.Options);

    public async Task AnswerAsync(HttpContext http)
    {
        long started = Stopwatch.GetTimestamp();
        string id = $"{Random.Shared.NextInt64():x16}{Random.Shared.NextInt64():x16}";
        Interlocked.Increment(ref server.Metrics.Running);
        http.Response.Headers["x-request-id"] = id;
        http.Response.OnStarting(() =>
        {
            http.Response.Headers["openai-processing-ms"] = ((long)Stopwatch.GetElapsedTime(started).TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        string path = http.Request.Path.Value ?? "/";
        Routes.Route? route = routes.Find(path);
        RequestContext? context = null;
        int status = 0;
        try
        {
            _origins.Check(http);
            if (HttpMethods.IsOptions(http.Request.Method))
            {
                http.Response.StatusCode = 204;
                return;
            }
            string tenant = _keys.Tenant(http.Request, route?.IsOpen == true);
            if (route is null) throw new ApiException(404, $"unknown path: {http.Request.Method} {Failure.OneLine(path)}", null, "unknown_url");
            RequireMethod(http, route);
            context = new RequestContext(http, server, tenant, id);
            await route.Endpoint(context).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            status = await FailAsync(http, route, context, e).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref server.Metrics.Running);
            if (status == 0) status = http.Response.StatusCode;
            server.Metrics.Count(status);
            bool wasLetIn = context is not null;
            context ??= new RequestContext(http, server, "", id);
            Release(context);
            server.Log.Add(context, status, started);
            if (wasLetIn && HttpMethods.IsPost(http.Request.Method)) server.Traces?.Add(context, path, status, started);
        }
    }

    // Counts the answers that were given up.
    private void Release(RequestContext context)
    {
        try
        {
            context.Dispose();
        }
        catch (Exception e) // the request itself has ended well
        {
            server.Log.Describe(context, e);
        }
    }

    private async Task<int> FailAsync(HttpContext http, Routes.Route? route, RequestContext? context, Exception e)
    {
        // An IOException says that the connection broke: those of files are EdgeLlmExceptions.
        if (http.RequestAborted.IsCancellationRequested || e is IOException and not BadHttpRequestException)
        {
            http.Abort();
            return ApiException.ClientGone;
        }
        ApiException error = e is BadHttpRequestException bad ? new ApiException(bad.StatusCode, bad.Message) : server.Log.Describe(context, e);
        if (http.Response.HasStarted)
        {
            http.Abort(); // what was sent is incomplete, and says so
            return error.Status;
        }
        if (error.RetryAfter > 0)
        {
            http.Response.Headers.RetryAfter = error.RetryAfter.ToString(CultureInfo.InvariantCulture);
            http.Response.Headers["retry-after-ms"] = (error.RetryAfter * 1000).ToString(CultureInfo.InvariantCulture);
        }
        if (error.Status == 401) http.Response.Headers.WWWAuthenticate = "Bearer";
        try
        {
            await (route?.Errors ?? OpenAiError.WriteAsync)(http, error).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            // nobody is there to read it
        }
        return error.Status;
    }

    private static void RequireMethod(HttpContext http, Routes.Route route)
    {
        string method = http.Request.Method;
        if (route.Method.Length == 0 || method == route.Method || (HttpMethods.IsHead(method) && HttpMethods.IsGet(route.Method))) return;
        http.Response.Headers.Allow = HttpMethods.IsGet(route.Method) ? "GET, HEAD" : route.Method;
        throw new ApiException(405, $"expected {route.Method}, found {Failure.OneLine(method)}", null, "method_not_allowed");
    }
}
