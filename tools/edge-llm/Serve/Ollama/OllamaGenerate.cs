using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>POST /api/generate: one turn, or, with <c>raw</c>, a text that goes on.</summary>
internal static class OllamaGenerate
{
    private const int MostContext = 1 << 20;

    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        OllamaRequest request = OllamaRequest.Read(body, context);
        string text = body["prompt"]?.Text() ?? "", system = body["system"]?.Text() ?? "";
        bool isRaw = body["raw"]?.Flag() ?? false;
        Field[] before = body["context"]?.Items(MostContext) ?? [];
        OllamaMessages.RefuseImages(body);
        Refuse(body, request, isRaw && (system.Length > 0 || before.Length > 0));
        var answer = new OllamaAnswer(context, request.Model, isChat: false);
        if (text.Length == 0)
        {
            await OllamaLoading.AnswerAsync(context, request, answer).ConfigureAwait(false);
            return;
        }
        LoadedModel model = await request.UseModelAsync(context).ConfigureAwait(false);
        answer.ModelIsLoaded();
        var window = new PromptWindow(model, request);
        int[] tokens;
        ChatRun run = context.Hold(isRaw ? window.Begin(text, request.Generate, out tokens, context) : window.Begin(new ChatRequest
        {
            Messages = system.Length > 0 ? [new ChatMessage("system", system), new ChatMessage("user", text)] : [new ChatMessage("user", text)],
            Generate = request.Generate,
            Answer = request.WithThink(new AnswerOptions { ReasoningBudget = context.Options.ReasoningBudget }, model),
        }, [.. before.Select(token => token.Integer(0, model.Tokenizer.Vocabulary.Count - 1))], out tokens, context));
        await answer.WriteAsync(run, model.Tokenizer, request.Streams, isRaw ? null : tokens).ConfigureAwait(false);
    }

    private static void Refuse(Field body, OllamaRequest request, bool isRawWithMore)
    {
        if (body["suffix"] is { } suffix && suffix.Text().Length > 0) throw suffix.Error($"\"{request.Model}\" does not support insert");
        if (body["template"] is { } template && template.Text().Length > 0)
            throw template.Error("templates of requests are not supported: use the model's own, or 'raw' (edge-llm serve --chat-template gives another)");
        if (isRawWithMore) throw new ApiException(400, "raw mode does not support template, system, or context", "raw");
    }
}
