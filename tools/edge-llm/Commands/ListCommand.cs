using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Commands;

/// <summary>The models of the folder.</summary>
internal static class ListCommand
{
    public static Command Make()
    {
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("list", "Prints the models of the folder: what edge-llm pull fetched, and GGUF files put there by hand.",
            "", "--json | jq -r '.models[].name'") { json };
        command.SetAction(parsed =>
        {
            ModelFolder folder = ModelFolder.Of(parsed);
            (StoredModel Model, ModelFacts Facts)[] models = [.. folder.All().Select(model => (model, ModelFacts.Of(model)))];
            using (var output = new Output())
            {
                if (parsed.GetValue(json)) WriteJson(folder, models, output);
                else WriteTable(models, output);
            }
            if (models.Length == 0 && !parsed.GetValue(json)) Console.Error.WriteLine($"edge-llm: no models in {folder.Path}: edge-llm pull gets one");
            foreach ((StoredModel model, ModelFacts facts) in models)
                if (facts.Problem is { } problem) Console.Error.WriteLine($"edge-llm: {Failure.OneLine(model.Name)} cannot be used: {Failure.OneLine(problem)}");
            return Failure.Ok;
        });
        return command;
    }

    private static void WriteTable((StoredModel Model, ModelFacts Facts)[] models, Output output)
    {
        if (models.Length == 0) return;
        string[][] rows =
        [
            ["NAME", "SIZE", "QUANT", "ARCHITECTURE", "DATE", "SOURCE"],
            .. models.Select(row => new[]
            {
                row.Model.Name, Bytes.Text(row.Model.Bytes), row.Facts.Quant ?? "?", row.Facts.Architecture ?? "?",
                row.Model.Record?.Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "-", row.Model.Record?.Source ?? "-",
            }.Select(Failure.OneLine).ToArray()),
        ];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows) output.WriteLine(string.Join("  ", row.Select((text, column) => text.PadRight(widths[column]))).TrimEnd());
    }

    private static void WriteJson(ModelFolder folder, (StoredModel Model, ModelFacts Facts)[] models, Output output)
    {
        using (var json = new Utf8JsonWriter(output, Json.Indented))
        {
            json.WriteStartObject();
            json.WriteString("folder", folder.Path);
            json.WriteStartArray("models");
            foreach ((StoredModel model, ModelFacts facts) in models)
            {
                json.WriteStartObject();
                ModelJson.Write(json, model);
                json.WriteString("architecture", facts.Architecture);
                json.WriteString("quant", facts.Quant);
                if (facts.Problem is { } problem) json.WriteString("problem", problem);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        output.WriteLine();
    }
}
