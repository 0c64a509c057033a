using System.Diagnostics;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>POST /api/embed: vectors of texts. POST /api/embeddings: the vector of one, as it was before there was the other.</summary>
internal static class OllamaEmbeddings
{
    public static async Task AnswerAsync(RequestContext context)
    {
        long started = Stopwatch.GetTimestamp();
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        string name = OllamaRequest.ModelName(body);
        Field input = body.Require("input");
        string[] texts = input.IsText ? [input.Text()] : [.. input.Items(Limits.EmbeddingInputs).Select(text => text.Text())];
        int? dimensions = body["dimensions"]?.Integer(1);
        bool truncates = body["truncate"]?.Flag() ?? true;
        LoadedModel model = await UseModelAsync(context, body, name).ConfigureAwait(false);
        TimeSpan loading = Stopwatch.GetElapsedTime(started);
        if (dimensions > model.Model.VectorLength) throw body["dimensions"]!.Value.Error($"expected at most {model.Model.VectorLength}, the length of this model's vectors, found {dimensions}");
        var vectors = new List<float[]>();
        int tokens = 0;
        foreach (string text in texts)
        {
            int[] ids = Encode(model, text, truncates);
            tokens += ids.Length;
            vectors.Add(Shorten(await EmbedAsync(context, model, ids, normalize: true).ConfigureAwait(false), dimensions));
        }
        context.CountPrompt(tokens);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteString("model", name);
            json.WriteStartArray("embeddings");
            foreach (float[] vector in vectors) Write(json, vector);
            json.WriteEndArray();
            json.WriteNumber("total_duration", OllamaAnswer.Nanoseconds(Stopwatch.GetElapsedTime(started)));
            json.WriteNumber("load_duration", OllamaAnswer.Nanoseconds(loading));
            json.WriteNumber("prompt_eval_count", tokens);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    /// <summary>POST /api/embeddings.</summary>
    public static async Task AnswerOneAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        string name = OllamaRequest.ModelName(body), text = body["prompt"]?.Text() ?? "";
        LoadedModel model = await UseModelAsync(context, body, name).ConfigureAwait(false);
        int[] ids = text.Length == 0 ? [] : Encode(model, text, truncates: true);
        float[] vector = ids.Length == 0 ? [] : await EmbedAsync(context, model, ids, normalize: false).ConfigureAwait(false);
        context.CountPrompt(ids.Length);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("embedding");
            Write(json, vector);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static async ValueTask<LoadedModel> UseModelAsync(RequestContext context, Field body, string name)
    {
        TimeSpan? keep = OllamaRequest.KeepAliveOf(body);
        int? layers = body["options"] is { } options ? OllamaRequest.GpuLayersOf(options) : null;
        ModelLease lease = await context.LeaseAsync(name).ConfigureAwait(false);
        if (keep is { } time) lease.KeepFor(time);
        WishedLayers.Compare(layers, lease.Model, context.Server.Log);
        return lease.Model;
    }

    // The end of a text goes, but not the token behind it.
    private static int[] Encode(LoadedModel model, string text, bool truncates)
    {
        int[] ids = model.Tokenizer.Encode(text);
        int most = model.Context.Options.ContextSize;
        if (ids.Length == 0) throw new ApiException(400, "input: expected a text, found an empty one", "input");
        if (ids.Length <= most) return ids;
        return truncates ? [.. ids[..(most - 1)], ids[^1]] : throw new ApiException(400, $"the input length exceeds the context length: {ids.Length} tokens of {most}", "input");
    }

    private static Task<float[]> EmbedAsync(RequestContext context, LoadedModel model, int[] ids, bool normalize) =>
        model.EmbedAsync(embedder => embedder.Embed(ids, normalize, cancellation: context.Cancellation), context.Cancellation);

    // The beginning of a vector, brought to the length of 1.
    private static float[] Shorten(float[] vector, int? dimensions)
    {
        if (dimensions is not { } count || count == vector.Length) return vector;
        double length = Math.Sqrt(vector.Take(count).Sum(value => (double)value * value));
        return [.. vector.Take(count).Select(value => length > 0 ? (float)(value / length) : value)];
    }

    private static void Write(Utf8JsonWriter json, float[] vector)
    {
        json.WriteStartArray();
        foreach (float value in vector) json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
