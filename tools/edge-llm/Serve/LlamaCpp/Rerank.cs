using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.LlamaCpp;

/// <summary>POST /v1/rerank: documents by how well they answer a query, in the shape of Jina and Cohere.</summary>
internal static class Rerank
{
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        string query = body.Require("query").Text();
        string[] documents = [.. body.Require("documents").Items(Limits.Documents).Select(item => item.IsObject ? item.Require("text").Text() : item.Text())];
        if (documents.Length == 0) throw body["documents"]!.Value.Error("expected one document at least");
        int top = body["top_n"]?.Integer(1) ?? documents.Length;
        bool returnsDocuments = body["return_documents"]?.Flag() ?? false;
        LoadedModel model = await context.UseModelAsync(body["model"]?.Text()).ConfigureAwait(false);
        if (!model.Model.Ranks) throw new ApiException(400, $"the model '{model.Name}' does not score documents", "model", "model_not_supported");
        var scores = new float[documents.Length];
        int tokens = 0;
        for (int i = 0; i < documents.Length; i++)
        {
            int[] pair = model.Tokenizer.EncodePair(query, documents[i]);
            tokens += pair.Length;
            scores[i] = await model.EmbedAsync(ranker => ranker.Rank(pair, cancellation: context.Cancellation)[0], context.Cancellation).ConfigureAwait(false);
        }
        context.CountPrompt(tokens);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("model", model.Name);
            json.WriteString("object", "list");
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", tokens);
            json.WriteNumber("total_tokens", tokens);
            json.WriteEndObject();
            json.WriteStartArray("results");
            foreach (int i in Enumerable.Range(0, documents.Length).OrderByDescending(i => scores[i]).ThenBy(i => i).Take(top))
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                json.WriteNumber("relevance_score", scores[i]);
                if (returnsDocuments)
                {
                    json.WriteStartObject("document");
                    json.WriteString("text", documents[i]);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }
}
