using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>POST /api/chat.</summary>
internal static class OllamaChat
{
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        OllamaRequest request = OllamaRequest.Read(body, context);
        List<ChatMessage> messages = body["messages"] is { } given ? OllamaMessages.Read(given) : [];
        JsonElement? tools = body["tools"] is { } list && list.Items(Limits.Tools).Length > 0 ? list.Json : null;
        var answer = new OllamaAnswer(context, request.Model, isChat: true);
        if (messages.Count == 0)
        {
            await OllamaLoading.AnswerAsync(context, request, answer).ConfigureAwait(false);
            return;
        }
        LoadedModel model = await request.UseModelAsync(context).ConfigureAwait(false);
        answer.ModelIsLoaded();
        var chat = new ChatRequest
        {
            Messages = messages,
            Generate = request.Generate,
            Answer = request.WithThink(new AnswerOptions { Tools = tools, ReasoningBudget = context.Options.ReasoningBudget }, model),
        };
        ChatRun run = context.Hold(new PromptWindow(model, request).Begin(chat, [], out _, context));
        await answer.WriteAsync(run, model.Tokenizer, request.Streams, prompt: null).ConfigureAwait(false);
    }
}
