using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>Vectors of texts.</summary>
internal static class EmbedCommand
{
    public static Command Make()
    {
        var texts = new Argument<string[]>("TEXT") { Description = "The texts; without any, each line of --file or standard input is one." };
        Option<string?> file = Opt.Text("--file", ["-f"], "A file with a text in each line; - reads standard input.", "FILE");
        Option<string?> path = Opt.Text("--out", ["-o"], "Write an array of float32 [texts][values] to this file, as numpy's .npy.", "FILE");
        Option<bool> raw = Opt.Flag("--no-normalize", "Leave vectors as long as they are; by default each has the length of 1.");
        var command = new CommandWithExamples("embed", "Prints a vector for each text, a line of JSON each.",
            "-m bge-small.gguf \"What is a llama?\"", "-m nomic-embed.gguf --file lines.txt --out vectors.npy") { texts, file, path, raw };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        command.SetAction(parsed =>
        {
            string[] given = TextList.Read(parsed.GetValue(texts), parsed.GetValue(file));
            using LanguageModel model = modelOptions.Open(parsed);
            using Context context = model.CreateContext(modelOptions.Context(parsed, model));
            using var interrupts = new Interrupts();
            float[] Embed(string text) => context.Embed(model.Tokenizer.Encode(text), !parsed.GetValue(raw), cancellation: interrupts.Token);
            if (parsed.GetValue(path) is { } npy)
            {
                float[][] vectors = Array.ConvertAll(given, Embed);
                AtomicFile.Write(npy, stream => Npy.Write(stream, vectors));
                return Failure.Ok;
            }
            using var output = new Output();
            for (int i = 0; i < given.Length; i++)
            {
                float[] vector = Embed(given[i]);
                using (var json = new Utf8JsonWriter(output, Json.Compact))
                {
                    json.WriteStartObject();
                    json.WriteNumber("index", i);
                    json.WriteStartArray("embedding");
                    foreach (float value in vector) json.WriteNumberValue(value);
                    json.WriteEndArray();
                    json.WriteEndObject();
                }
                output.WriteLine();
            }
            return Failure.Ok;
        });
        return command;
    }
}

/// <summary>The texts that a command is about.</summary>
internal static class TextList
{
    /// <summary>Those given, or the lines of a file, or of standard input.</summary>
    public static string[] Read(string[]? given, string? file)
    {
        if (given is { Length: > 0 })
            return file is null ? given : throw new UsageException("give texts or --file, not both");
        byte[] bytes = file is not null ? Input.ReadFile(file)
            : Console.IsInputRedirected ? Input.ReadStandardInput() : throw new UsageException("no text: give texts or --file");
        string[] lines = Encoding.UTF8.GetString(Input.TrimLastNewline(bytes)).Split('\n');
        if (lines is [""]) throw new UsageException("no text: the input is empty");
        return Array.ConvertAll(lines, line => line.TrimEnd('\r'));
    }
}

/// <summary>numpy's file of one array (format version 1.0).</summary>
internal static class Npy
{
    /// <summary>Writes rows of float32.</summary>
    public static void Write(Stream stream, float[][] rows)
    {
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows.Length}, {(rows.Length == 0 ? 0 : rows[0].Length)}), }}";
        int length = header.Length + 1, padded = ((10 + length + 63) / 64 * 64) - 10; // the data begins at a multiple of 64
        stream.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)padded, (byte)(padded >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header.PadRight(padded - 1) + "\n"));
        foreach (float[] row in rows) stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(row));
    }
}
