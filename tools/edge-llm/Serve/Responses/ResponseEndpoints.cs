using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>/v1/responses. Nothing is stored; items are remembered for a while.</summary>
internal static class ResponseEndpoints
{
    /// <summary>POST /v1/responses.</summary>
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        var request = new ResponseRequest(body, context);
        LoadedModel model = await context.UseModelAsync(request.Chat.Model).ConfigureAwait(false);
        ChatRequest chat = request.Chat with { Generate = request.Chat.Generate with { Adapters = RequestOptions.Adapters(body, model) } };
        ChatRun run = context.Hold(new ChatRun(model, chat, context));
        var items = new ResponseItems(context.Id, model.Tokenizer);
        var writer = new ResponseWriter(context.Id, model.Name, request, items);
        if (request.Streams) await ResponseEvents.WriteAsync(context, run, writer, items, Keep).ConfigureAwait(false);
        else await WholeAsync(context, run, writer, Keep).ConfigureAwait(false);

        void Keep(IReadOnlyList<AnswerBlock> blocks)
        {
            if (request.Stores) items.Keep(context.Server.Items, context.Salt, blocks);
        }
    }

    /// <summary>POST /v1/responses/input_tokens: how many the model would read.</summary>
    public static async Task CountAsync(RequestContext context)
    {
        var request = new ResponseRequest(await context.ReadBodyAsync().ConfigureAwait(false), context);
        LoadedModel model = await context.UseModelAsync(request.Chat.Model).ConfigureAwait(false);
        int tokens = ChatRun.PromptOf(model, request.Chat).Tokens.Count;
        context.CountPrompt(tokens);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "response.input_tokens");
            json.WriteNumber("input_tokens", tokens);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    /// <summary>GET /v1/responses/{id}.</summary>
    public static Task FindAsync(RequestContext context) => throw new ApiException(404, "there is no such response: this server stores none", null, "not_found");

    private static async Task WholeAsync(RequestContext context, ChatRun run, ResponseWriter writer, Action<IReadOnlyList<AnswerBlock>> keep)
    {
        var blocks = new AnswerBlocks();
        FinishReason finish = default;
        await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
        {
            blocks.Add(piece);
            finish = piece.Finish ?? finish;
        }
        if (blocks.All.Count == 0) blocks.AddEmptyText();
        keep(blocks.All);
        Usage usage = ChatCompletions.UsageOf(run);
        await Reply.JsonAsync(context.Http, json => writer.WriteEnded(json, finish, blocks.All, usage)).ConfigureAwait(false);
    }
}
