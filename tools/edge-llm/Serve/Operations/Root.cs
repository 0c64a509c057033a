using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>GET /, by which clients of Ollama look whether there is a server.</summary>
internal static class Root
{
    public static Task AnswerAsync(RequestContext context) => Reply.TextAsync(context.Http, "text/plain; charset=utf-8", "edge-llm is running");
}
