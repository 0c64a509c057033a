using System.Runtime.InteropServices;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>POST /v1/embeddings.</summary>
internal static class Embeddings
{
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        bool isBase64 = body["encoding_format"]?.OneOf("float", "base64") == "base64";
        Field input = body.Require("input");
        int? dimensions = body["dimensions"]?.Integer(1);
        LoadedModel model = await context.UseModelAsync(body["model"]?.Text()).ConfigureAwait(false);
        if (dimensions is { } asked && asked != model.Model.VectorLength)
            throw body["dimensions"]!.Value.Error($"expected {model.Model.VectorLength}, the length of this model's vectors, found {asked}");
        List<int[]> texts = PromptReader.Read(input, Limits.EmbeddingInputs, model, text => model.Tokenizer.Encode(text));
        var vectors = new List<float[]>();
        foreach (int[] text in texts)
            vectors.Add(await model.EmbedAsync(embedder => embedder.Embed(text, cancellation: context.Cancellation), context.Cancellation).ConfigureAwait(false));
        int tokens = texts.Sum(text => text.Length);
        context.CountPrompt(tokens);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            for (int i = 0; i < vectors.Count; i++) Write(json, i, vectors[i], isBase64);
            json.WriteEndArray();
            json.WriteString("model", model.Name);
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", tokens);
            json.WriteNumber("total_tokens", tokens);
            json.WriteEndObject();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static void Write(Utf8JsonWriter json, int index, float[] vector, bool isBase64)
    {
        json.WriteStartObject();
        json.WriteString("object", "embedding");
        json.WriteNumber("index", index);
        if (isBase64) json.WriteBase64String("embedding", MemoryMarshal.AsBytes<float>(vector)); // little-endian, as OpenAI has it
        else
        {
            json.WriteStartArray("embedding");
            foreach (float value in vector) json.WriteNumberValue(value);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }
}
