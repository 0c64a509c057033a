using System.Globalization;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>POST /api/show: a model's template, metadata and abilities. A model that is not in memory is opened, and not run.</summary>
internal static class OllamaShow
{
    public static async Task AnswerAsync(RequestContext context)
    {
        Field body = await context.ReadBodyAsync().ConfigureAwait(false);
        bool isVerbose = body["verbose"]?.Flag() ?? false;
        ModelSlot slot = context.Server.Models.Find(OllamaRequest.ModelName(body));
        if (slot.Loaded is not null)
        {
            LoadedModel loaded = await context.UseModelAsync(slot.Source.Name).ConfigureAwait(false);
            await WriteAsync(context, slot.Source, loaded.Model, loaded.Template, loaded.Context.Options.ContextSize, isVerbose).ConfigureAwait(false);
            return;
        }
        using LanguageModel model = LanguageModel.Open(slot.Source.File);
        ChatTemplate? template = model.HasLogits ? ChatTemplate.TryFromGguf(model.File.Metadata, model.Tokenizer.Vocabulary) : null;
        await WriteAsync(context, slot.Source, model, template, model.ContextLength, isVerbose).ConfigureAwait(false);
    }

    private static Task WriteAsync(RequestContext context, ModelSource source, LanguageModel model, ChatTemplate? template, int contextSize, bool isVerbose) =>
        Reply.JsonAsync(context.Http, json =>
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
        });

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
