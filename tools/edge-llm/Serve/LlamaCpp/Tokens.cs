using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.LlamaCpp;

/// <summary>POST /tokenize, /detokenize and /apply-template: between conversations, texts and tokens, without an answer.</summary>
internal static class Tokens
{
    private const int MostTokens = 1 << 20;

    public static async Task AnswerTokenizeAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        string text = body.Require("content").Text();
        bool addSpecial = body["add_special"]?.Flag() ?? false, parseSpecial = body["parse_special"]?.Flag() ?? true, withPieces = body["with_pieces"]?.Flag() ?? false;
        LoadedModel model = await context.UseModelAsync(body["model"]?.Text()).ConfigureAwait(false);
        int[] tokens = model.Tokenizer.Encode(text, addSpecial, parseSpecial);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("tokens");
            foreach (int token in tokens)
                if (withPieces) WritePiece(json, model.Tokenizer, token);
                else json.WriteNumberValue(token);
            json.WriteEndArray();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    public static async Task AnswerDetokenizeAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        Field[] tokens = body.Require("tokens").Items(MostTokens);
        LoadedModel model = await context.UseModelAsync(body["model"]?.Text()).ConfigureAwait(false);
        int last = model.Tokenizer.Vocabulary.Count - 1;
        await WriteTextAsync(context, "content", model.Tokenizer.Decode([.. tokens.Select(token => token.Integer(0, last))], special: true)).ConfigureAwait(false);
    }

    public static async Task AnswerTemplateAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        ChatRequest request = ChatReader.Read(body, context);
        LoadedModel model = await context.UseModelAsync(request.Model).ConfigureAwait(false);
        await WriteTextAsync(context, "prompt", ChatRun.PromptOf(model, request).Text).ConfigureAwait(false);
    }

    private static Task WriteTextAsync(RequestContext context, string name, string text) => Reply.JsonAsync(context.Http, json =>
    {
        json.WriteStartObject();
        json.WriteString(name, text);
        json.WriteEndObject();
    });

    // A piece that is no whole characters stands as its bytes.
    private static void WritePiece(Utf8JsonWriter json, Tokenizer tokenizer, int token)
    {
        ReadOnlySpan<byte> bytes = tokenizer.DecodeToken(token, special: true);
        json.WriteStartObject();
        json.WriteNumber("id", token);
        if (Utf8.IsValid(bytes)) json.WriteString("piece", Encoding.UTF8.GetString(bytes));
        else
        {
            json.WriteStartArray("piece");
            foreach (byte value in bytes) json.WriteNumberValue(value);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }
}
