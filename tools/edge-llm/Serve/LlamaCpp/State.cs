using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.LlamaCpp;

/// <summary>GET /props, /slots and /lora-adapters: what the server runs with, and what it does at the moment. Prompts and answers are not told.</summary>
internal static class State
{
    public static async Task AnswerPropsAsync(RequestContext context)
    {
        LoadedModel model = await context.UseModelAsync(ModelName(context)).ConfigureAwait(false);
        Vocabulary vocabulary = model.Tokenizer.Vocabulary;
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartObject();
            json.WriteStartObject("default_generation_settings");
            json.WriteNumber("n_ctx", model.Context.Options.ContextSize);
            json.WriteStartObject("params");
            SamplingJson.Write(json, new GenerateOptions { MaxTokens = context.Options.MaxTokens, Sampling = context.Options.Sampling });
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteNumber("total_slots", model.Context.Options.MaxSequences);
            json.WriteString("model_alias", model.Name);
            json.WriteString("model_path", Path.GetFileName(model.Model.File.Path)); // folders are nobody's business
            json.WriteString("chat_template", model.Template?.Source);
            json.WriteString("bos_token", TextOf(vocabulary, vocabulary.BosId));
            json.WriteString("eos_token", TextOf(vocabulary, vocabulary.EosId));
            json.WriteStartObject("modalities");
            json.WriteBoolean("vision", false);
            json.WriteBoolean("audio", false);
            json.WriteEndObject();
            json.WriteString("build_info", $"edge-llm-{EngineVersion.Text}");
            json.WriteBoolean("is_sleeping", false);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    /// <summary>Of each model in memory as many entries as it answers requests at a time; those who wait are not among them.</summary>
    public static Task AnswerSlotsAsync(RequestContext context)
    {
        LoadedModel[] models = [.. context.Server.Models.Slots.Select(slot => slot.Loaded).OfType<LoadedModel>()];
        (LoadedModel Model, (int Id, GenerationStatistics Statistics)[] Running)[] all = [.. models.Select(model => (model, model.Running.All()))];
        if (context.Http.Request.Query["fail_on_no_slot"] == "1" && all.All(one => one.Running.Length >= one.Model.Context.Options.MaxSequences))
            throw new ApiException(503, "no slot available", null, "unavailable", retryAfter: 1);
        return Reply.JsonAsync(context.Http, json =>
        {
            int id = 0;
            json.WriteStartArray();
            foreach ((LoadedModel model, (int Id, GenerationStatistics Statistics)[] running) in all)
                for (int i = 0; i < model.Context.Options.MaxSequences; i++)
                    WriteSlot(json, id++, model, i < running.Length ? running[i].Id : -1, i < running.Length ? running[i].Statistics : null);
            json.WriteEndArray();
        });
    }

    public static async Task AnswerAdaptersAsync(RequestContext context)
    {
        LoadedModel model = await context.UseModelAsync(ModelName(context)).ConfigureAwait(false);
        await Reply.JsonAsync(context.Http, json =>
        {
            json.WriteStartArray();
            for (int i = 0; i < model.Adapters.Count; i++)
            {
                json.WriteStartObject();
                json.WriteNumber("id", i);
                json.WriteString("path", Path.GetFileName(model.Adapters[i].Adapter.Path));
                json.WriteNumber("scale", model.Adapters[i].Scale);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    private static void WriteSlot(Utf8JsonWriter json, int id, LoadedModel model, int task, GenerationStatistics? statistics)
    {
        json.WriteStartObject();
        json.WriteNumber("id", id);
        json.WriteNumber("id_task", task);
        json.WriteString("model", model.Name);
        json.WriteNumber("n_ctx", model.Context.Options.ContextSize);
        json.WriteBoolean("speculative", model.Context.Options.DraftTokens > 0);
        json.WriteBoolean("is_processing", statistics is not null);
        if (statistics is not null)
        {
            json.WriteNumber("n_prompt_tokens", statistics.PromptTokens);
            json.WriteNumber("n_prompt_tokens_cache", statistics.ReusedTokens);
            json.WriteStartObject("next_token");
            json.WriteBoolean("has_next_token", true);
            json.WriteNumber("n_decoded", statistics.GeneratedTokens);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static string? ModelName(RequestContext context) => context.Http.Request.Query["model"] is [{ Length: > 0 } name, ..] ? name : null;

    private static string TextOf(Vocabulary vocabulary, int token) => token < 0 ? "" : Encoding.UTF8.GetString(vocabulary.GetText(token));
}
