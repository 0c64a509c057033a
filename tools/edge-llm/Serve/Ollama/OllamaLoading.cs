using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Requests without a text: they bring a model into memory, or, with a <c>keep_alive</c> of 0, out of it.</summary>
internal static class OllamaLoading
{
    public static async Task AnswerAsync(RequestContext context, OllamaRequest request, OllamaAnswer answer)
    {
        bool unloads = request.KeepAlive == TimeSpan.Zero;
        if (unloads)
        {
            ModelSlot slot = context.Server.Models.Find(request.Model);
            slot.KeepFor(TimeSpan.Zero); // answers under way may end
            slot.UnloadIfIdle();
        }
        else await request.UseModelAsync(context).ConfigureAwait(false);
        await answer.WriteEmptyAsync(unloads ? "unload" : "load").ConfigureAwait(false);
    }
}
