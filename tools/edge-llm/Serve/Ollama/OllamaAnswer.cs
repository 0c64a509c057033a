using System.Diagnostics;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Writes an answer of /api/chat or /api/generate: whole, or a line for each piece. The last line has the counts and times.</summary>
/// <param name="context">The request.</param>
/// <param name="model">The model as the request names it.</param>
/// <param name="isChat">Whether the text is a message, or stands by itself.</param>
internal sealed class OllamaAnswer(RequestContext context, string model, bool isChat)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _loading;

    /// <summary>Notes that the model is in memory.</summary>
    public void ModelIsLoaded() => _loading = Stopwatch.GetElapsedTime(_started);

    /// <summary>Writes the answer.</summary>
    /// <param name="run">The answer under way.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="streams">Whether it comes piece by piece.</param>
    /// <param name="prompt">The tokens of the prompt, where those of the whole text are to stand in the last line.</param>
    public Task WriteAsync(ChatRun run, Tokenizer tokenizer, bool streams, int[]? prompt) =>
        streams ? StreamAsync(run, tokenizer, prompt) : WholeAsync(run, tokenizer, prompt);

    /// <summary>Answers a request that only brings a model into memory or out of it.</summary>
    public Task WriteEmptyAsync(string reason) => Reply.JsonAsync(context.Http, json =>
    {
        Begin(json);
        WriteParts(json, "", "", []);
        WriteEnd(json, reason);
    });

    private async Task WholeAsync(ChatRun run, Tokenizer tokenizer, int[]? prompt)
    {
        var answer = new ChatAnswer();
        var scored = new List<GeneratedToken>();
        List<int> text = [.. prompt ?? []];
        FinishReason finish = default;
        await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
        {
            answer.Add(piece.Deltas);
            if (piece.Item.Probabilities is not null) scored.Add(piece.Item);
            if (piece.Item.Token >= 0) text.Add(piece.Item.Token);
            finish = piece.Finish ?? finish;
        }
        await Reply.JsonAsync(context.Http, json =>
        {
            Begin(json);
            WriteParts(json, answer.Content, answer.Reasoning, answer.Calls);
            WriteProbabilities(json, scored, tokenizer);
            WriteDone(json, finish, run.Statistics(0), prompt is null ? null : text);
        }).ConfigureAwait(false);
    }

    private async Task StreamAsync(ChatRun run, Tokenizer tokenizer, int[]? prompt)
    {
        EventStream lines = EventStream.Lines(context.Http);
        await using var _ = lines.ConfigureAwait(false);
        List<int> text = [.. prompt ?? []];
        var calls = new ChatAnswer();
        FinishReason finish = default;
        try
        {
            await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
            {
                if (piece.Item.Token >= 0) text.Add(piece.Item.Token);
                finish = piece.Finish ?? finish;
                int before = calls.Calls.Count;
                calls.Add(piece.Deltas);
                string content = Text(piece, AnswerPart.Content, AnswerPart.CallBroken), thinking = Text(piece, AnswerPart.Reasoning, AnswerPart.Reasoning);
                if (content.Length == 0 && thinking.Length == 0 && calls.Calls.Count == before && piece.Item.Probabilities is null) continue;
                await lines.WriteAsync(json =>
                {
                    Begin(json);
                    WriteParts(json, content, thinking, calls.Calls, before);
                    WriteProbabilities(json, piece.Item.Probabilities is null ? [] : [piece.Item], tokenizer);
                    json.WriteBoolean("done", false);
                    json.WriteEndObject();
                }).ConfigureAwait(false);
            }
            await lines.WriteAsync(json =>
            {
                Begin(json);
                WriteParts(json, "", "", []);
                WriteDone(json, finish, run.Statistics(0), prompt is null ? null : text);
            }).ConfigureAwait(false);
        }
        catch (Exception e) when (context.Http.Response.HasStarted && e is not OperationCanceledException)
        {
            ApiException error = context.Server.Log.Describe(context, e);
            await lines.WriteAsync(json => OllamaError.Write(json, error)).ConfigureAwait(false);
        }
    }

    private static string Text(ChatPiece piece, AnswerPart one, AnswerPart other) =>
        string.Concat(piece.Deltas.Where(delta => delta.Part == one || delta.Part == other).Select(delta => delta.Text));

    private void Begin(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("model", model);
        json.WriteString("created_at", DateTime.UtcNow);
    }

    private void WriteParts(Utf8JsonWriter json, string content, string thinking, IReadOnlyList<ToolCall> calls, int firstCall = 0)
    {
        if (isChat)
        {
            json.WriteStartObject("message");
            json.WriteString("role", "assistant");
        }
        json.WriteString(isChat ? "content" : "response", content);
        if (thinking.Length > 0) json.WriteString("thinking", thinking);
        if (calls.Count > firstCall) OllamaCalls.Write(json, calls, firstCall);
        if (isChat) json.WriteEndObject();
    }

    private static void WriteProbabilities(Utf8JsonWriter json, List<GeneratedToken> tokens, Tokenizer tokenizer)
    {
        if (tokens.Count == 0) return;
        json.WriteStartArray("logprobs");
        foreach (GeneratedToken token in tokens) LogProbabilities.WriteItem(json, tokenizer, token);
        json.WriteEndArray();
    }

    private void WriteDone(Utf8JsonWriter json, FinishReason finish, GenerationStatistics statistics, List<int>? text)
    {
        if (text is not null)
        {
            json.WriteStartArray("context");
            foreach (int token in text) json.WriteNumberValue(token);
            json.WriteEndArray();
        }
        json.WriteNumber("total_duration", Nanoseconds(Stopwatch.GetElapsedTime(_started)));
        json.WriteNumber("load_duration", Nanoseconds(_loading));
        json.WriteNumber("prompt_eval_count", statistics.PromptTokens);
        json.WriteNumber("prompt_eval_duration", Nanoseconds(statistics.PromptTime));
        json.WriteNumber("eval_count", statistics.GeneratedTokens);
        json.WriteNumber("eval_duration", Nanoseconds(statistics.GenerationTime));
        WriteEnd(json, finish is FinishReason.Length or FinishReason.Deadline ? "length" : "stop");
    }

    private static void WriteEnd(Utf8JsonWriter json, string reason)
    {
        json.WriteBoolean("done", true);
        json.WriteString("done_reason", reason);
        json.WriteEndObject();
    }

    public static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
