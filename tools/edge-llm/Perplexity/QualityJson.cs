using System.Text.Json;

namespace Edge.Llm.Cli.Perplexity;

/// <summary>The results for programs.</summary>
internal static class QualityJson
{
    public static void Write(IReadOnlyList<ModelQuality> models, int chunkSize, Output output)
    {
        using var json = new Utf8JsonWriter(output, Json.Indented);
        json.WriteStartObject();
        json.WriteNumber("ctx", chunkSize);
        json.WriteStartArray("models");
        foreach (ModelQuality model in models) Write(json, model);
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
    }

    private static void Write(Utf8JsonWriter json, ModelQuality model)
    {
        PerplexityResult result = model.Result;
        json.WriteStartObject();
        json.WriteString("path", model.Path);
        json.WriteNumber("size_bytes", model.SizeBytes);
        json.WriteNumber("bits_per_weight", model.BitsPerWeight);
        json.WriteNumber("chunks", result.Running.Count);
        json.WriteBoolean("complete", model.Complete);
        json.WriteNumber("scored", result.Nll.Count);
        json.WriteNumber("mean_nll", result.Nll.Mean);
        json.WriteNumber("perplexity", result.Perplexity);
        Number(json, "stderr", result.StandardError);
        json.WriteNumber("top1", result.Top1.Mean);
        Number(json, "top1_stderr", result.Top1.StandardError);
        json.WriteStartArray("running_perplexity");
        foreach (double value in result.Running) json.WriteNumberValue(value);
        json.WriteEndArray();
        if (result.Divergence is { } divergence)
        {
            json.WriteStartObject("kl_divergence");
            json.WriteNumber("mean", divergence.Kl.Mean);
            Number(json, "stderr", divergence.Kl.StandardError);
            json.WriteNumber("median", divergence.Quantile(0.5));
            json.WriteNumber("p99", divergence.Quantile(0.99));
            json.WriteNumber("same_top1", divergence.SameTop1.Mean);
            Number(json, "same_top1_stderr", divergence.SameTop1.StandardError);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    // A single value has no standard error, and JSON no NaN.
    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }
}
