using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Serve.Models;
using static System.FormattableString;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>What lists tell of a model's file.</summary>
internal sealed record ModelCard(string Family, long Parameters, string Quantization, long Bytes)
{
    private static readonly ConcurrentDictionary<(string File, long Time), ModelCard> s_known = new();

    /// <summary>The card of a file, which need not be in memory.</summary>
    public static ModelCard Of(ModelSource source)
    {
        (string, long) key = (source.File, source.Created);
        if (s_known.TryGetValue(key, out ModelCard? card)) return card;
        try
        {
            using GgufFile file = GgufFile.Open(source.File);
            return s_known[key] = Of(file);
        }
        catch (EdgeLlmException)
        {
            return new ModelCard("", 0, "", 0); // the file is gone, or being written
        }
    }

    /// <summary>A text that changes with the file's name, size and time. Ollama's is a hash of the content.</summary>
    public string Digest(ModelSource source) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        Invariant($"{source.Name}\n{Bytes}\n{source.Created}"))));

    /// <summary>Writes a member <c>details</c>.</summary>
    public void WriteDetails(Utf8JsonWriter json)
    {
        json.WriteStartObject("details");
        json.WriteString("parent_model", "");
        json.WriteString("format", "gguf");
        json.WriteString("family", Family);
        json.WriteStartArray("families");
        json.WriteStringValue(Family);
        json.WriteEndArray();
        json.WriteString("parameter_size", Count(Parameters));
        json.WriteString("quantization_level", Quantization);
        json.WriteEndObject();
    }

    /// <summary>A count as Ollama shortens it: 8B, 1.5B, 494.03M.</summary>
    public static string Count(long count) => count switch
    {
        >= 1_000_000_000 => Invariant($"{Math.Round(count / 1e9, 1)}B"),
        >= 1_000_000 => Invariant($"{Math.Round(count / 1e6, 2)}M"),
        >= 1_000 => Invariant($"{Math.Round(count / 1e3)}K"),
        _ => Invariant($"{count}"),
    };

    private static ModelCard Of(GgufFile file)
    {
        int type = file.Metadata.GetInt32("general.file_type", -1);
        string quantization = FileType.All.FirstOrDefault(known => known.Number == type && type >= 0)?.Name
            ?? GgmlTypes.Get(file.Tensors.GroupBy(tensor => tensor.Type).MaxBy(group => group.Sum(tensor => tensor.Bytes))!.Key).Name.ToUpperInvariant();
        return new ModelCard(file.Metadata.GetString("general.architecture", ""), file.Tensors.Sum(tensor => tensor.Elements), quantization, file.FileBytes);
    }
}
