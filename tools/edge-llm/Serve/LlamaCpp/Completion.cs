using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.LlamaCpp;

/// <summary>POST /completion: texts go on, as llama.cpp's own interface has it.</summary>
internal static class Completion
{
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        CompletionRequest request = CompletionRequest.Read(body, context);
        Field prompt = body.Require("prompt");
        LoadedModel model = await context.UseModelAsync(body["model"]?.Text()).ConfigureAwait(false);
        request = request with { Generate = request.Generate with { Adapters = RequestOptions.Adapters(body, model) } };
        List<int[]> prompts = CompletionRequest.Prompts(prompt, model, out bool areMany);
        PromptReader.RequireAnswers(prompt, prompts.Count, request.Choices);
        var runs = new List<AnswerStream>();
        var results = new List<CompletionResult>();
        foreach (int[] tokens in prompts)
        {
            AnswerStream run = context.Hold(new AnswerStream(model, tokens, request.Generate, request.Choices, context));
            runs.Add(run);
            for (int i = 0; i < request.Choices; i++) results.Add(new CompletionResult(results.Count, request, run.Statistics(i), model.Tokenizer, model.Name, tokens));
        }
        if (request.Streams) await StreamAsync(context, runs, results).ConfigureAwait(false);
        else await WholeAsync(context, runs, results, areMany || results.Count > 1).ConfigureAwait(false);
    }

    private static async Task WholeAsync(RequestContext context, List<AnswerStream> runs, List<CompletionResult> results, bool asList)
    {
        int first = 0;
        foreach (AnswerStream run in runs)
        {
            await foreach ((int choice, GeneratedToken item) in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false)) results[first + choice].Add(item);
            first += run.Count;
        }
        await Reply.JsonAsync(context.Http, json =>
        {
            if (asList) json.WriteStartArray();
            foreach (CompletionResult result in results) result.WriteEnd(json);
            if (asList) json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    private static async Task StreamAsync(RequestContext context, List<AnswerStream> runs, List<CompletionResult> results)
    {
        EventStream events = EventStream.Events(context.Http);
        await using var _ = events.ConfigureAwait(false);
        int first = 0;
        try
        {
            foreach (AnswerStream run in runs)
            {
                await foreach ((int choice, GeneratedToken item) in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
                {
                    CompletionResult result = results[first + choice];
                    result.Add(item);
                    if (item.Text.Length > 0 || item.Token >= 0) await events.WriteAsync(json => result.WritePart(json, item)).ConfigureAwait(false);
                    if (item.Finish is not null) await events.WriteAsync(result.WriteEnd).ConfigureAwait(false);
                }
                first += run.Count;
            }
        }
        catch (Exception e) when (context.Http.Response.HasStarted && e is not OperationCanceledException)
        {
            ApiException error = context.Server.Log.Describe(context, e);
            await events.WriteAsync(json => OpenAiError.Write(json, error)).ConfigureAwait(false);
        }
    }
}
