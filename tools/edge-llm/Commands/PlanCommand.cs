using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>What a run would take, before it takes it.</summary>
internal static class PlanCommand
{
    public static Command Make()
    {
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("plan", "Prints the memory that a run with these options takes, in bytes; allocates none of it.",
            "-m model.gguf -c 8192", "-m model.gguf -c 0 --type-k q8_0 --type-v q8_0 --json") { json };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        var drafts = new DraftOptionsBinding();
        drafts.AddTo(command);
        command.SetAction(parsed =>
        {
            using LanguageModel model = modelOptions.Open(parsed);
            using LanguageModel? draft = drafts.Open(parsed, modelOptions);
            ContextOptions options = drafts.Context(parsed, modelOptions.Context(parsed, model));
            MemoryPlan plan = model.Plan(options, draft);
            OffloadReport offload = model.PlanOffload(options, draft);
            using var output = new Output();
            if (parsed.GetValue(json)) WriteJson(plan, offload, options, output);
            else
            {
                string files = draft is null ? "the file" : "both files";
                output.WriteLine(Row("weights", plan.Weights, options.Adapters.Count == 0 ? files : $"{files} and {options.Adapters.Count} adapter(s)"));
                output.WriteLine(Row("kv cache", plan.KvCache, $"{options.ContextSize} tokens, {options.TypeK} keys, {options.TypeV} values, when full"));
                output.WriteLine(Row("activations", plan.Activations, $"batches of {options.BatchSize} tokens"));
                output.WriteLine(Row("total", plan.Total, ""));
                if (offload.Stages.Count == 0 && offload.Note is null) return Failure.Ok;
                foreach (string line in offload.Lines()) output.WriteLine(line);
            }
            return Failure.Ok;
        });
        return command;
    }

    private static string Row(string what, long bytes, string note) => string.Create(CultureInfo.InvariantCulture,
        $"{what,-12} {bytes,16} bytes {bytes / 1048576.0,12:F1} MiB  {note}").TrimEnd();

    private static void WriteJson(MemoryPlan plan, OffloadReport offload, ContextOptions options, Output output)
    {
        using var json = new Utf8JsonWriter(output, Json.Indented);
        json.WriteStartObject();
        json.WriteNumber("context_size", options.ContextSize);
        json.WriteNumber("batch_size", options.BatchSize);
        json.WriteNumber("weights_bytes", plan.Weights);
        json.WriteNumber("kv_cache_bytes", plan.KvCache);
        json.WriteNumber("activations_bytes", plan.Activations);
        json.WriteNumber("total_bytes", plan.Total);
        json.WriteStartArray("offload");
        foreach (OffloadedStage stage in offload.Stages)
        {
            json.WriteStartObject();
            json.WriteString("plugin", stage.Plugin);
            json.WriteNumber("device", stage.Device.Number);
            json.WriteString("device_name", stage.Device.Name);
            json.WriteNumber("first_layer", stage.FirstLayer);
            json.WriteNumber("layers", stage.Layers);
            json.WriteBoolean("output", stage.HasOutput);
            json.WriteBoolean("exact", stage.IsExact);
            json.WriteNumber("bytes", stage.Bytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (offload.Note is { } note) json.WriteString("offload_note", note);
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
    }
}
