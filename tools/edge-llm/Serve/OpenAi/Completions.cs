using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>POST /v1/completions: texts go on, without a conversation.</summary>
internal static class Completions
{
    private const int DefaultTokens = 16; // OpenAI's

    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        int choices = body["n"]?.Integer(1, Limits.Choices) ?? 1;
        GenerateOptions options = RequestOptions.Generate(body, context) with
        {
            MaxTokens = body["max_tokens"]?.Integer(-1) ?? DefaultTokens,
            Grammar = RequestOptions.Format(body),
            LogProbabilities = body["logprobs"]?.Integer(0, Limits.TopLogProbabilities),
        };
        if (body["best_of"]?.Integer(1) is > 1 and var best && best != choices) throw body["best_of"]!.Value.Error("is not supported beyond n");
        if (body["suffix"]?.Text() is { Length: > 0 }) throw body["suffix"]!.Value.Error("is not supported");
        bool echo = body["echo"]?.Flag() ?? false, streams = body["stream"]?.Flag() ?? false;
        bool includesUsage = body["stream_options"]?["include_usage"]?.Flag() ?? false;
        Field prompt = body.Require("prompt");
        LoadedModel model = await context.UseModelAsync(body["model"]?.Text()).ConfigureAwait(false);
        options = options with { Adapters = RequestOptions.Adapters(body, model) };
        List<int[]> prompts = PromptReader.Read(prompt, Limits.Prompts, model, model.Tokenizer.EncodePrompt);
        PromptReader.RequireAnswers(prompt, prompts.Count, choices);
        var runs = new List<AnswerStream>();
        foreach (int[] tokens in prompts) runs.Add(context.Hold(new AnswerStream(model, tokens, options, choices, context)));
        var texts = new CompletionTexts(model.Tokenizer, prompts, choices, echo);
        var head = new ReplyHead($"cmpl-{context.Id}", "text_completion", model.Name);
        if (streams) await StreamAsync(context, runs, texts, head, includesUsage).ConfigureAwait(false);
        else await WholeAsync(context, runs, texts, head).ConfigureAwait(false);
    }

    private static async Task WholeAsync(RequestContext context, List<AnswerStream> runs, CompletionTexts texts, ReplyHead head)
    {
        var answers = Enumerable.Range(0, texts.Count).Select(i => (Text: new StringBuilder(texts.Echo(i)), Tokens: new List<GeneratedToken>())).ToArray();
        var finishes = new FinishReason[texts.Count];
        for (int i = 0; i < runs.Count; i++)
            await foreach ((int choice, GeneratedToken item) in runs[i].ReadAllAsync(context.Cancellation).ConfigureAwait(false))
            {
                int index = texts.Index(i, choice);
                answers[index].Text.Append(item.Text);
                if (item.Probabilities is not null) answers[index].Tokens.Add(item);
                finishes[index] = item.Finish ?? default;
            }
        Usage usage = UsageOf(runs);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            head.Write(json);
            json.WriteStartArray("choices");
            for (int i = 0; i < answers.Length; i++) texts.WriteChoice(json, i, answers[i].Text.ToString(), answers[i].Tokens, FinishName(finishes[i]));
            json.WriteEndArray();
            usage.Write(json);
            Usage.WriteTimings(json, runs[0].Statistics(0));
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static async Task StreamAsync(RequestContext context, List<AnswerStream> runs, CompletionTexts texts, ReplyHead head, bool includesUsage)
    {
        EventStream events = EventStream.Events(context.Http);
        await using var _ = events.ConfigureAwait(false);
        try
        {
            for (int i = 0; i < runs.Count; i++)
                await foreach ((int choice, GeneratedToken item) in runs[i].ReadAllAsync(context.Cancellation).ConfigureAwait(false))
                {
                    int index = texts.Index(i, choice);
                    string text = texts.FirstEcho(index) + item.Text;
                    if (text.Length > 0 || item.Finish is not null || item.Probabilities is not null)
                        await events.WriteAsync(json => WriteChunk(json, index, text, item)).ConfigureAwait(false);
                }
            Usage usage = UsageOf(runs);
            if (includesUsage) await events.WriteAsync(json => head.WriteUsage(json, usage, runs[0].Statistics(0))).ConfigureAwait(false);
        }
        catch (Exception e) when (context.Http.Response.HasStarted && e is not OperationCanceledException)
        {
            ApiException error = context.Server.Log.Describe(context, e);
            await events.WriteAsync(json => OpenAiError.Write(json, error)).ConfigureAwait(false);
        }
        await events.WriteDoneAsync().ConfigureAwait(false);

        void WriteChunk(Utf8JsonWriter json, int index, string text, GeneratedToken item)
        {
            json.WriteStartObject();
            head.Write(json);
            json.WriteStartArray("choices");
            texts.WriteChoice(json, index, text, item.Probabilities is null ? [] : [item], item.Finish is { } finish ? FinishName(finish) : null);
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    private static Usage UsageOf(List<AnswerStream> runs)
    {
        int prompt = 0, cached = 0, completion = 0;
        foreach (AnswerStream run in runs)
            for (int i = 0; i < run.Count; i++)
            {
                GenerationStatistics statistics = run.Statistics(i);
                completion += statistics.GeneratedTokens;
                if (i > 0) continue;
                prompt += statistics.PromptTokens;
                cached += statistics.ReusedTokens;
            }
        return new Usage(prompt, cached, completion);
    }

    private static string FinishName(FinishReason finish) => ChatCompletions.FinishName(finish, hasCalls: false);
}
