using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>GET /api/tags: all models. GET /api/ps: those in memory. GET /api/version. Models of Ollama's own library are not served.</summary>
internal static class OllamaModels
{
    private const string Version = "0.13.0"; // of Ollama, whose interface this is: clients ask for one at least

    private static readonly DateTime s_never = new(2318, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public static Task AnswerTagsAsync(RequestContext context) => ListAsync(context, context.Server.Models.Slots, (json, slot, card) =>
    {
        json.WriteString("modified_at", DateTimeOffset.FromUnixTimeSeconds(slot.Source.Created).UtcDateTime);
        json.WriteNumber("size", card.Bytes);
    });

    public static Task AnswerRunningAsync(RequestContext context) => ListAsync(context, context.Server.Models.Slots.Where(slot => slot.Loaded is not null), (json, slot, card) =>
    {
        Context? loaded = slot.Loaded?.Context;
        long size = card.Bytes + (loaded is null ? 0 : loaded.CacheBytes + loaded.ActivationBytes);
        json.WriteNumber("size", size);
        json.WriteString("expires_at", slot.Expires?.UtcDateTime ?? s_never);
        json.WriteNumber("size_vram", loaded is { DeviceLosses: 0 } ? Math.Min(size, loaded.Offload.Stages.Sum(stage => stage.Bytes)) : 0);
        json.WriteNumber("context_length", loaded?.Options.ContextSize ?? 0);
    });

    public static Task AnswerVersionAsync(RequestContext context) => Reply.JsonAsync(context.Http, json =>
    {
        json.WriteStartObject();
        json.WriteString("version", Version);
        json.WriteString("edge_llm", EngineVersion.Text);
        json.WriteEndObject();
    });

    /// <summary>What changes the models that there are.</summary>
    public static Task RefuseAsync(RequestContext context) => throw new ApiException(501,
        $"{context.Http.Request.Path.Value}: this server changes no models: 'edge-llm pull' fetches them, and 'edge-llm serve -m FILE' serves them", null, "not_supported");

    private static Task ListAsync(RequestContext context, IEnumerable<ModelSlot> slots, Action<Utf8JsonWriter, ModelSlot, ModelCard> write) => Reply.JsonAsync(context.Http, json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("models");
        foreach (ModelSlot slot in slots)
        {
            ModelCard card = ModelCard.Of(slot.Source);
            string name = slot.Source.Name.Contains(':', StringComparison.Ordinal) ? slot.Source.Name : slot.Source.Name + ModelPool.AnyTag;
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("model", name);
            json.WriteString("digest", card.Digest(slot.Source));
            card.WriteDetails(json);
            write(json, slot, card);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
