using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>A response as it comes: numbered events, each with the name of its type.</summary>
internal sealed class ResponseEvents(EventStream events, ResponseWriter writer, ResponseItems items)
{
    private int _sequence;

    public static async Task WriteAsync(RequestContext context, ChatRun run, ResponseWriter writer, ResponseItems items, Action<IReadOnlyList<AnswerBlock>> keep)
    {
        EventStream stream = EventStream.Events(context.Http);
        await using var _ = stream.ConfigureAwait(false);
        await new ResponseEvents(stream, writer, items).RunAsync(context, run, keep).ConfigureAwait(false);
    }

    private async Task RunAsync(RequestContext context, ChatRun run, Action<IReadOnlyList<AnswerBlock>> keep)
    {
        var blocks = new AnswerBlocks();
        try
        {
            await ResponseAsync("response.created", writer.WriteBegun).ConfigureAwait(false);
            await ResponseAsync("response.in_progress", writer.WriteBegun).ConfigureAwait(false);
            FinishReason finish = default;
            await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
            {
                foreach (BlockChange change in blocks.Add(piece)) await ChangeAsync(change).ConfigureAwait(false);
                finish = piece.Finish ?? finish;
            }
            if (blocks.All.Count == 0)
                foreach (BlockChange change in blocks.AddEmptyText()) await ChangeAsync(change).ConfigureAwait(false);
            keep(blocks.All);
            Usage usage = ChatCompletions.UsageOf(run);
            await ResponseAsync($"response.{ResponseWriter.StatusOf(finish)}", json => writer.WriteEnded(json, finish, blocks.All, usage)).ConfigureAwait(false);
        }
        catch (Exception e) when (context.Http.Response.HasStarted && e is not OperationCanceledException)
        {
            ApiException error = context.Server.Log.Describe(context, e);
            await EventAsync("error", json =>
            {
                json.WriteString("code", error.Code);
                json.WriteString("message", error.Message);
                json.WriteString("param", error.Param);
            }).ConfigureAwait(false);
            await ResponseAsync("response.failed", json => writer.WriteFailed(json, blocks.All, error)).ConfigureAwait(false);
        }
    }

    private Task ChangeAsync(BlockChange change) => change.Step switch
    {
        BlockStep.Begins => BeginAsync(change.Block),
        BlockStep.Grows => GrowAsync(change),
        _ => EndAsync(change.Block),
    };

    private async Task BeginAsync(AnswerBlock block)
    {
        await ItemAsync("response.output_item.added", block, isBeginning: true).ConfigureAwait(false);
        if (block.Kind != AnswerPart.Arguments) await PartAsync("response.content_part.added", block, isBeginning: true).ConfigureAwait(false);
        if (block.Kind == AnswerPart.Reasoning) await SummaryPartAsync("added", block, isBeginning: true).ConfigureAwait(false);
    }

    private async Task GrowAsync(BlockChange change)
    {
        await InItemAsync($"{TextOf(change.Block)}.delta", change.Block, json =>
        {
            json.WriteString("delta", change.Text);
            if (change.Block.Kind == AnswerPart.Content) items.WriteLogProbabilities(json, change.Tokens);
        }).ConfigureAwait(false);
        if (change.Block.Kind == AnswerPart.Reasoning) await SummaryAsync("text.delta", change.Block, json => json.WriteString("delta", change.Text)).ConfigureAwait(false);
    }

    private async Task EndAsync(AnswerBlock block)
    {
        await InItemAsync($"{TextOf(block)}.done", block, json =>
        {
            if (block.Kind == AnswerPart.Arguments) json.WriteString("name", block.Name);
            json.WriteString(block.Kind == AnswerPart.Arguments ? "arguments" : "text", block.Text);
            if (block.Kind == AnswerPart.Content) items.WriteLogProbabilities(json, block.Tokens);
        }).ConfigureAwait(false);
        if (block.Kind != AnswerPart.Arguments) await PartAsync("response.content_part.done", block, isBeginning: false).ConfigureAwait(false);
        if (block.Kind == AnswerPart.Reasoning)
        {
            await SummaryAsync("text.done", block, json => json.WriteString("text", block.Text)).ConfigureAwait(false);
            await SummaryPartAsync("done", block, isBeginning: false).ConfigureAwait(false);
        }
        await ItemAsync("response.output_item.done", block, isBeginning: false).ConfigureAwait(false);
    }

    private static string TextOf(AnswerBlock block) => block.Kind switch
    {
        AnswerPart.Content => "response.output_text", AnswerPart.Reasoning => "response.reasoning_text", _ => "response.function_call_arguments",
    };

    private Task ResponseAsync(string type, Action<Utf8JsonWriter> write) => EventAsync(type, json =>
    {
        json.WritePropertyName("response");
        write(json);
    });

    private Task ItemAsync(string type, AnswerBlock block, bool isBeginning) => EventAsync(type, json =>
    {
        json.WriteNumber("output_index", block.Index);
        json.WritePropertyName("item");
        items.Write(json, block, isBeginning);
    });

    private Task PartAsync(string type, AnswerBlock block, bool isBeginning) => InItemAsync(type, block, json =>
    {
        json.WritePropertyName("part");
        items.WritePart(json, block, isBeginning);
    });

    private Task SummaryPartAsync(string step, AnswerBlock block, bool isBeginning) => SummaryAsync($"part.{step}", block, json =>
    {
        json.WritePropertyName("part");
        ResponseItems.WriteSummary(json, block, isBeginning);
    });

    private Task SummaryAsync(string step, AnswerBlock block, Action<Utf8JsonWriter> write) =>
        InItemAsync($"response.reasoning_summary_{step}", block, write, "summary_index");

    private Task InItemAsync(string type, AnswerBlock block, Action<Utf8JsonWriter> write, string index = "content_index") => EventAsync(type, json =>
    {
        json.WriteString("item_id", items.IdOf(block));
        json.WriteNumber("output_index", block.Index);
        if (block.Kind != AnswerPart.Arguments) json.WriteNumber(index, 0);
        write(json);
    });

    private Task EventAsync(string type, Action<Utf8JsonWriter> write) => events.WriteAsync(json =>
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", _sequence++);
        write(json);
        json.WriteEndObject();
    }, type);
}
