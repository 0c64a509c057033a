using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>Answers of /v1/chat/completions as they come: each event adds to one of them.</summary>
internal static class ChatChunks
{
    public static async Task WriteAsync(RequestContext context, ChatRun run, ReplyHead head, Tokenizer tokenizer, bool includesUsage)
    {
        EventStream events = EventStream.Events(context.Http);
        await using var _ = events.ConfigureAwait(false);
        var begun = new bool[run.Choices];
        try
        {
            await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
            {
                GeneratedToken? scored = piece.Item.Probabilities is null ? null : piece.Item;
                foreach (AnswerDelta delta in piece.Deltas)
                {
                    if (delta.Part == AnswerPart.CallEnd) continue;
                    await ChunkAsync(piece.Choice, delta, scored).ConfigureAwait(false);
                    scored = null;
                }
                if (scored is not null) await ChunkAsync(piece.Choice, null, scored).ConfigureAwait(false);
                if (piece.Finish is { } finish)
                    await events.WriteAsync(json => WriteChunk(json, piece.Choice, null, null, ChatCompletions.FinishName(finish, run.HasCalls(piece.Choice)))).ConfigureAwait(false);
            }
            Usage usage = ChatCompletions.UsageOf(run);
            if (includesUsage) await events.WriteAsync(json => head.WriteUsage(json, usage, run.Statistics(0))).ConfigureAwait(false);
        }
        catch (Exception e) when (context.Http.Response.HasStarted && e is not OperationCanceledException)
        {
            ApiException error = context.Server.Log.Describe(context, e);
            await events.WriteAsync(json => OpenAiError.Write(json, error)).ConfigureAwait(false);
        }
        await events.WriteDoneAsync().ConfigureAwait(false);

        Task ChunkAsync(int choice, AnswerDelta? delta, GeneratedToken? scored) => events.WriteAsync(json => WriteChunk(json, choice, delta, scored, null));

        void WriteChunk(Utf8JsonWriter json, int choice, AnswerDelta? delta, GeneratedToken? scored, string? finish)
        {
            json.WriteStartObject();
            head.Write(json);
            json.WriteStartArray("choices");
            json.WriteStartObject();
            json.WriteNumber("index", choice);
            json.WriteStartObject("delta");
            if (!begun[choice]) json.WriteString("role", "assistant");
            begun[choice] = true;
            if (delta is { } part) WritePart(json, part);
            json.WriteEndObject();
            ChatCompletions.WriteLogProbabilities(json, scored is { } token ? [token] : [], tokenizer);
            json.WriteString("finish_reason", finish);
            json.WriteEndObject();
            json.WriteEndArray();
            if (includesUsage) json.WriteNull("usage");
            json.WriteEndObject();
        }
    }

    private static void WritePart(Utf8JsonWriter json, AnswerDelta part)
    {
        switch (part.Part)
        {
            case AnswerPart.Content or AnswerPart.CallBroken: json.WriteString("content", part.Text); break;
            case AnswerPart.Reasoning: json.WriteString("reasoning_content", part.Text); break;
            case AnswerPart.CallBegin or AnswerPart.Arguments:
                json.WriteStartArray("tool_calls");
                json.WriteStartObject();
                json.WriteNumber("index", part.Index);
                if (part.Id is not null)
                {
                    json.WriteString("id", part.Id);
                    json.WriteString("type", "function");
                }
                json.WriteStartObject("function");
                if (part.Name is not null) json.WriteString("name", part.Name);
                json.WriteString("arguments", part.Text);
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteEndArray();
                break;
        }
    }
}
