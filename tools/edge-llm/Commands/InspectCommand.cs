using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Commands;

/// <summary>Metadata and tensors of a file.</summary>
internal static class InspectCommand
{
    private const int ShownElements = 6, ShownText = 100;

    public static Command Make()
    {
        var file = new Argument<string>("FILE") { Description = "A GGUF file, of a split model any part; or the name of a pulled model." };
        Option<bool> json = Opt.Flag("--json", "Print JSON, arrays in full.");
        var command = new CommandWithExamples("inspect", "Prints a file's metadata and tensors.",
            "model.gguf", "model.gguf --json | jq '.metadata[\"general.name\"]'") { file, json };
        command.SetAction(parsed =>
        {
            using GgufFile gguf = GgufFile.Open(ModelFolder.Resolve(parsed, parsed.GetRequiredValue(file)));
            using var output = new Output();
            if (parsed.GetValue(json)) WriteJson(gguf, output);
            else WriteText(gguf, output);
            return Failure.Ok;
        });
        return command;
    }

    private static void WriteText(GgufFile gguf, Output output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"GGUF version {gguf.Version}, {gguf.FileBytes} bytes in {gguf.PartCount} file(s), alignment {gguf.Alignment}"));
        output.WriteLine();
        output.WriteLine($"{gguf.Metadata.Count} keys:");
        foreach ((string key, GgufValue value) in gguf.Metadata)
            output.WriteLine($"  {Failure.OneLine(key)}: {Describe(value)}");
        output.WriteLine();
        output.WriteLine($"{gguf.Tensors.Count} tensors:");
        foreach (Tensor tensor in gguf.Tensors)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {Failure.OneLine(tensor.Name),-36} {TypeName(tensor),-8} {Dimensions(tensor),-20} {tensor.Bytes,14}"));
        output.WriteLine();
        foreach (IGrouping<string, Tensor> group in gguf.Tensors.GroupBy(TypeName).OrderByDescending(group => group.Sum(tensor => tensor.Bytes)))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {group.Key,-8} {group.Count(),6} tensors {group.Sum(tensor => tensor.Elements),16} values {group.Sum(tensor => tensor.Bytes),16} bytes"));
    }

    private static string Describe(GgufValue value)
    {
        if (!value.TryGetArray(out GgufArray array)) return Shorten(value.ToString());
        var text = new StringBuilder($"{value} [");
        text.AppendJoin(", ", array.Take(ShownElements).Select(element => Shorten(element.ToString())));
        return text.Append(array.Count > ShownElements ? ", ...]" : "]").ToString();
    }

    private static string Shorten(string text)
    {
        string line = Failure.OneLine(text);
        return line.Length <= ShownText ? line : string.Concat(line.AsSpan(0, ShownText), "...");
    }

    private static string TypeName(Tensor tensor) => GgmlTypes.Get(tensor.Type).Name;

    private static string Dimensions(Tensor tensor)
    {
        long[] all = [tensor.Ne0, tensor.Ne1, tensor.Ne2, tensor.Ne3];
        int count = 4;
        while (count > 1 && all[count - 1] == 1) count--;
        return string.Join(" x ", all.Take(count));
    }

    private static void WriteJson(GgufFile gguf, Output output)
    {
        using var json = new Utf8JsonWriter(output, Json.Indented);
        json.WriteStartObject();
        json.WriteString("path", gguf.Path);
        json.WriteNumber("version", gguf.Version);
        json.WriteNumber("alignment", gguf.Alignment);
        json.WriteNumber("file_bytes", gguf.FileBytes);
        json.WriteNumber("parts", gguf.PartCount);
        json.WriteStartObject("metadata");
        foreach ((string key, GgufValue value) in gguf.Metadata)
        {
            json.WritePropertyName(key);
            MetadataJson.Write(json, value);
        }
        json.WriteEndObject();
        json.WriteStartArray("tensors");
        foreach (Tensor tensor in gguf.Tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteString("type", TypeName(tensor));
            json.WriteStartArray("dimensions");
            foreach (long dimension in (ReadOnlySpan<long>)[tensor.Ne0, tensor.Ne1, tensor.Ne2, tensor.Ne3]) json.WriteNumberValue(dimension);
            json.WriteEndArray();
            json.WriteNumber("bytes", tensor.Bytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
    }
}
