using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Anthropic;

/// <summary>/v1/messages, as Anthropic has it.</summary>
internal static class MessagesEndpoints
{
    /// <summary>POST /v1/messages.</summary>
    public static async Task AnswerAsync(RequestContext context)
    {
        AnthropicError.NameRequest(context.Http);
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        ChatRequest request = MessagesRequest.Read(body, context);
        bool streams = body["stream"]?.Flag() ?? false;
        LoadedModel model = await context.UseModelAsync(request.Model).ConfigureAwait(false);
        request = request with { Generate = request.Generate with { Adapters = RequestOptions.Adapters(body, model) } };
        ChatRun run = context.Hold(new ChatRun(model, request, context));
        var writer = new MessageWriter(context.Id, model.Name, request);
        if (streams) await MessageEvents.WriteAsync(context, run, writer).ConfigureAwait(false);
        else await WholeAsync(context, run, writer).ConfigureAwait(false);
    }

    /// <summary>POST /v1/messages/count_tokens: how many the model would read.</summary>
    public static async Task CountAsync(RequestContext context)
    {
        AnthropicError.NameRequest(context.Http);
        ChatRequest request = MessagesRequest.ReadPrompt(await context.ReadBodyAsync().ConfigureAwait(false), context);
        LoadedModel model = await context.UseModelAsync(request.Model).ConfigureAwait(false);
        int tokens = ChatRun.PromptOf(model, request).Tokens.Count;
        context.CountPrompt(tokens);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("input_tokens", tokens);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static async Task WholeAsync(RequestContext context, ChatRun run, MessageWriter writer)
    {
        var blocks = new AnswerBlocks();
        GeneratedToken last = default;
        await foreach (ChatPiece piece in run.ReadAllAsync(context.Cancellation).ConfigureAwait(false))
        {
            blocks.Add(piece);
            last = piece.Item;
        }
        await Reply.JsonAsync(context.Http, json => writer.Write(json, blocks.All, run, last)).ConfigureAwait(false);
    }
}
