using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Anthropic;

/// <summary>A message as it comes: named events.</summary>
internal sealed class MessageEvents(EventStream events, MessageWriter writer)
{
    public static async Task WriteAsync(RequestContext context, ChatRun run, MessageWriter writer)
    {
        EventStream stream = EventStream.Events(context.Http);
        await using var _ = stream.ConfigureAwait(false);
        await new MessageEvents(stream, writer).RunAsync(context, run).ConfigureAwait(false);
    }

    private async Task RunAsync(RequestContext context, ChatRun run)
    {
        var blocks = new AnswerBlocks();
        bool hasBegun = false;
        try
        {
            await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
            {
                if (!hasBegun) await BeginAsync(run).ConfigureAwait(false); // only now it is known what the cache had
                hasBegun = true;
                foreach (BlockChange change in blocks.Add(piece)) await ChangeAsync(change).ConfigureAwait(false);
                if (piece.Finish is not null) await EndAsync(run, piece.Item).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (context.Http.Response.HasStarted && e is not OperationCanceledException)
        {
            ApiException error = context.Server.Log.Describe(context, e);
            await events.WriteAsync(json => AnthropicError.Write(json, context.Http, error), "error").ConfigureAwait(false);
        }
    }

    private async Task BeginAsync(ChatRun run)
    {
        await EventAsync("message_start", json =>
        {
            json.WritePropertyName("message");
            writer.Write(json, [], run, null);
        }).ConfigureAwait(false);
        await EventAsync("ping", _ => { }).ConfigureAwait(false);
    }

    private async Task EndAsync(ChatRun run, GeneratedToken last)
    {
        await EventAsync("message_delta", json =>
        {
            json.WriteStartObject("delta");
            writer.WriteStop(json, run, last);
            json.WriteEndObject();
            MessageWriter.WriteUsage(json, run);
        }).ConfigureAwait(false);
        await EventAsync("message_stop", _ => { }).ConfigureAwait(false);
    }

    private async Task ChangeAsync(BlockChange change)
    {
        AnswerBlock block = change.Block;
        switch (change.Step)
        {
            case BlockStep.Begins:
                await EventAsync("content_block_start", json =>
                {
                    json.WriteNumber("index", block.Index);
                    json.WritePropertyName("content_block");
                    MessageWriter.WriteBlock(json, block, isBeginning: true);
                }).ConfigureAwait(false);
                break;
            case BlockStep.Grows:
                (string type, string member) = block.Kind switch
                {
                    AnswerPart.Content => ("text_delta", "text"), AnswerPart.Reasoning => ("thinking_delta", "thinking"), _ => ("input_json_delta", "partial_json"),
                };
                await DeltaAsync(block, type, member, change.Text).ConfigureAwait(false);
                break;
            case BlockStep.Ends:
                // Clients give thinking back only with a signature.
                if (block.Kind == AnswerPart.Reasoning) await DeltaAsync(block, "signature_delta", "signature", "").ConfigureAwait(false);
                await EventAsync("content_block_stop", json => json.WriteNumber("index", block.Index)).ConfigureAwait(false);
                break;
        }
    }

    private Task DeltaAsync(AnswerBlock block, string type, string member, string text) => EventAsync("content_block_delta", json =>
    {
        json.WriteNumber("index", block.Index);
        json.WriteStartObject("delta");
        json.WriteString("type", type);
        json.WriteString(member, text);
        json.WriteEndObject();
    });

    private Task EventAsync(string type, Action<Utf8JsonWriter> write) => events.WriteAsync(json =>
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        write(json);
        json.WriteEndObject();
    }, type);
}
