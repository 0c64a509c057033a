using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>POST /api/show: a model's template, metadata and abilities. A model that is not in memory is opened, and not run.</summary>
internal static class OllamaShow
{
    private static readonly SemaphoreSlim s_opening = new(1);
    private static readonly ConditionalWeakTable<ModelSlot, Shown> s_shown = [];

    private sealed record Shown(long Created, ReadOnlyMemory<byte> Text);

    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        bool isVerbose = body["verbose"]?.Flag() ?? false;
        ModelSlot slot = context.Server.Models.Find(OllamaRequest.ModelName(body));
        if (slot.Loaded is not null)
        {
            LoadedModel loaded = await context.UseModelAsync(slot.Source.Name).ConfigureAwait(false);
            await Reply.JsonAsync(context.Http, json =>
                Write(json, context, slot.Source, loaded.Model, loaded.Template, loaded.Context.Options.ContextSize, isVerbose)).ConfigureAwait(false);
            return;
        }
        await Reply.BytesAsync(context.Http, "application/json", await UnloadedAsync(context, slot, isVerbose).ConfigureAwait(false)).ConfigureAwait(false);
    }

    // Models are opened one at a time, and once for as long as their file stays the same: but for the long answers with their vocabularies.
    private static async Task<ReadOnlyMemory<byte>> UnloadedAsync(RequestContext context, ModelSlot slot, bool isVerbose)
    {
        await s_opening.WaitAsync(context.Cancellation).ConfigureAwait(false);
        try
        {
            long created = slot.Source.Created;
            if (!isVerbose && s_shown.TryGetValue(slot, out Shown? shown) && shown.Created == created) return shown.Text;
            ReadOnlyMemory<byte> text = await Task.Run(() => TextOf(context, slot.Source, isVerbose)).ConfigureAwait(false);
            if (!isVerbose) s_shown.AddOrUpdate(slot, new Shown(created, text));
            return text;
        }
        finally
        {
            s_opening.Release();
        }
    }

    private static ReadOnlyMemory<byte> TextOf(RequestContext context, ModelSource source, bool isVerbose)
    {
        try
        {
            using LanguageModel model = LanguageModel.Open(source.File);
            ChatTemplate? template = model.HasLogits ? ChatTemplate.TryFromGguf(model.File.Metadata, model.Tokenizer.Vocabulary) : null;
            return Reply.Bytes(json => Write(json, context, source, model, template, model.ContextLength, isVerbose));
        }
        catch (EdgeLlmException e)
        {
            throw source.CannotOpen(e);
        }
    }

    private static void Write(Utf8JsonWriter json, RequestContext context, ModelSource source, LanguageModel model, ChatTemplate? template, int contextSize, bool isVerbose)
    {
        json.WriteStartObject();
        json.WriteString("license", model.File.Metadata.GetString("general.license", ""));
        json.WriteString("modelfile", $"FROM {source.Name}");
        json.WriteString("parameters", Parameters(context.Options.Sampling, contextSize));
        json.WriteString("template", template?.Source ?? "");
        ModelCard.Of(source).WriteDetails(json);
        WriteInfo(json, model.File, isVerbose);
        json.WriteStartArray("capabilities");
        foreach (string name in Capabilities(model, template)) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteString("modified_at", DateTimeOffset.FromUnixTimeSeconds(source.Created).UtcDateTime);
        json.WriteEndObject();
    }

    private static IEnumerable<string> Capabilities(LanguageModel model, ChatTemplate? template)
    {
        if (model.HasLogits) return template is not null && new ChatFormat(template, model.Tokenizer).HasReasoning ? ["completion", "tools", "thinking"] : ["completion", "tools"];
        return [model.Ranks ? "rerank" : "embedding"];
    }

    private static string Parameters(SamplingOptions sampling, int contextSize) => string.Create(CultureInfo.InvariantCulture,
        $"num_ctx {contextSize}\ntemperature {sampling.Temperature}\ntop_k {sampling.TopK}\ntop_p {sampling.TopP}\nmin_p {sampling.MinP}\nrepeat_penalty {sampling.RepeatPenalty}");

    // Vocabularies are long: as in Ollama, they are null unless they are asked for.
    private static void WriteInfo(Utf8JsonWriter json, GgufFile file, bool isVerbose)
    {
        json.WriteStartObject("model_info");
        foreach ((string key, GgufValue value) in file.Metadata)
        {
            json.WritePropertyName(key);
            if (value.TryGetArray(out _) && !isVerbose) json.WriteNullValue();
            else MetadataJson.Write(json, value);
        }
        if (!file.Metadata.Contains("general.parameter_count")) json.WriteNumber("general.parameter_count", file.Tensors.Sum(tensor => tensor.Elements));
        json.WriteEndObject();
    }
}
