using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>GET /v1/models and /v1/models/{id}.</summary>
internal static class ModelList
{
    public static Task AnswerAllAsync(RequestContext context) => Reply.JsonAsync(context.Http, json =>
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (ModelSlot slot in context.Server.Models.Slots) Write(json, slot);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    public static Task AnswerOneAsync(RequestContext context)
    {
        string path = context.Http.Request.Path.Value!;
        ModelSlot slot = context.Server.Models.Find(path[(path.IndexOf("/models/", StringComparison.Ordinal) + "/models/".Length)..]);
        return Reply.JsonAsync(context.Http, json => Write(json, slot));
    }

    private static void Write(Utf8JsonWriter json, ModelSlot slot)
    {
        json.WriteStartObject();
        json.WriteString("id", slot.Source.Name);
        json.WriteString("object", "model");
        json.WriteNumber("created", slot.Source.Created);
        json.WriteString("owned_by", "edge-llm");
        if (slot.Loaded is { } model) WriteMeta(json, model);
        json.WriteEndObject();
    }

    // llama.cpp's addition.
    private static void WriteMeta(Utf8JsonWriter json, LoadedModel model)
    {
        json.WriteStartObject("meta");
        json.WriteNumber("n_ctx", model.Context.Options.ContextSize);
        json.WriteNumber("n_ctx_train", model.Model.ContextLength);
        json.WriteNumber("n_embd", model.Model.EmbeddingLength);
        json.WriteNumber("n_vocab", model.Model.VocabSize);
        json.WriteNumber("size", model.Model.File.FileBytes);
        json.WriteEndObject();
    }
}
