using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>POST /v1/chat/completions.</summary>
internal static class ChatCompletions
{
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        ChatRequest request = ChatReader.Read(body, context);
        bool streams = body["stream"]?.Flag() ?? false;
        bool includesUsage = body["stream_options"]?["include_usage"]?.Flag() ?? false;
        LoadedModel model = await context.UseModelAsync(request.Model).ConfigureAwait(false);
        request = request with { Generate = request.Generate with { Adapters = RequestOptions.Adapters(body, model) } };
        ChatRun run = context.Hold(new ChatRun(model, request, context));
        var head = new ReplyHead($"chatcmpl-{context.Id}", streams ? "chat.completion.chunk" : "chat.completion", model.Name);
        if (streams) await ChatChunks.WriteAsync(context, run, head, model.Tokenizer, includesUsage).ConfigureAwait(false);
        else await WholeAsync(context, run, head, model.Tokenizer).ConfigureAwait(false);
    }

    public static Usage UsageOf(ChatRun run)
    {
        int completion = 0, reasoning = 0;
        for (int i = 0; i < run.Choices; i++)
        {
            completion += run.Statistics(i).GeneratedTokens;
            reasoning += run.ReasoningTokens(i);
        }
        return Usage.Of(run.Statistics(0), completion, reasoning);
    }

    public static string FinishName(FinishReason finish, bool hasCalls) =>
        finish is FinishReason.Length or FinishReason.Deadline ? "length" : hasCalls ? "tool_calls" : "stop";

    private static async Task WholeAsync(RequestContext context, ChatRun run, ReplyHead head, Tokenizer tokenizer)
    {
        var answers = new (ChatAnswer Answer, List<GeneratedToken> Tokens, FinishReason Finish)[run.Choices];
        for (int i = 0; i < answers.Length; i++) answers[i] = (new ChatAnswer(), [], FinishReason.Length);
        await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
        {
            answers[piece.Choice].Answer.Add(piece.Deltas);
            if (piece.Item.Probabilities is not null) answers[piece.Choice].Tokens.Add(piece.Item);
            if (piece.Finish is { } finish) answers[piece.Choice].Finish = finish;
        }
        Usage usage = UsageOf(run);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            head.Write(json);
            json.WriteStartArray("choices");
            for (int i = 0; i < answers.Length; i++) WriteChoice(json, i, answers[i].Answer, answers[i].Tokens, FinishName(answers[i].Finish, run.HasCalls(i)), tokenizer);
            json.WriteEndArray();
            usage.Write(json);
            Usage.WriteTimings(json, run.Statistics(0));
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static void WriteChoice(Utf8JsonWriter json, int index, ChatAnswer answer, List<GeneratedToken> tokens, string finish, Tokenizer tokenizer)
    {
        json.WriteStartObject();
        json.WriteNumber("index", index);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        json.WriteString("content", answer.Content.Length > 0 || answer.Calls.Count == 0 ? answer.Content : null);
        json.WriteNull("refusal");
        if (answer.Reasoning.Length > 0) json.WriteString("reasoning_content", answer.Reasoning);
        if (answer.Calls.Count > 0)
        {
            json.WritePropertyName("tool_calls");
            ChatAnswer.CallsJson(answer.Calls).WriteTo(json);
        }
        json.WriteEndObject();
        WriteLogProbabilities(json, tokens, tokenizer);
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
    }

    public static void WriteLogProbabilities(Utf8JsonWriter json, IReadOnlyList<GeneratedToken> tokens, Tokenizer tokenizer)
    {
        if (tokens.Count == 0)
        {
            json.WriteNull("logprobs");
            return;
        }
        json.WriteStartObject("logprobs");
        json.WriteStartArray("content");
        foreach (GeneratedToken token in tokens) LogProbabilities.WriteItem(json, tokenizer, token);
        json.WriteEndArray();
        json.WriteNull("refusal");
        json.WriteEndObject();
    }
}
