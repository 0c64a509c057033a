using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>GET /health: the process lives. GET /ready: its first model has been in memory.</summary>
internal static class Health
{
    public static Task AnswerAsync(RequestContext context) => StatusAsync(context, "ok", 200);

    public static Task AnswerReadyAsync(RequestContext context) =>
        !context.Server.Models.Slots[0].WasLoaded ? StatusAsync(context, "loading", 503) : StatusAsync(context, "ok", 200);

    private static Task StatusAsync(RequestContext context, string status, int code) => Reply.JsonAsync(context.Http, json =>
    {
        json.WriteStartObject();
        json.WriteString("status", status);
        json.WriteEndObject();
    }, code);
}
