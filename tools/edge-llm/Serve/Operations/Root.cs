using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.Extensions.Primitives;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>GET /: browsers get the page; clients of Ollama ask there whether there is a server.</summary>
internal static class Root
{
    public static Task AnswerAsync(RequestContext context) => Reply.TextAsync(context.Http, "text/plain; charset=utf-8", "edge-llm is running");

    /// <summary>The same with a page for those who can read one.</summary>
    public static Task AnswerAsync(RequestContext context, Endpoint page)
    {
        var headers = context.Http.Response.Headers;
        headers.Vary = StringValues.Concat(headers.Vary, "Accept");
        return context.Http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase) ? page(context) : AnswerAsync(context);
    }
}
