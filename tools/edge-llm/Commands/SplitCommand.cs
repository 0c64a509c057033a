using System.CommandLine;
using System.Globalization;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Commands;

/// <summary>One file into several.</summary>
internal static class SplitCommand
{
    public static Command Make()
    {
        var file = new Argument<string>("FILE") { Description = "A GGUF file, of a split model any part; or the name of a pulled model." };
        Option<string?> prefix = Opt.Text("--output", ["-o"], "Names begin with this; by default with the file's own without .gguf.", "PREFIX");
        Option<string?> maxSize = Opt.Text("--max-size", ["--split-max-size"],
            "Bytes of a part at most: a number, or one followed by M or G (10^6, 10^9).", "SIZE");
        Option<int> maxTensors = Opt.Integer("--max-tensors", ["--split-max-tensors"], "Tensors in a part at most.", null, 1);
        Option<bool> dryRun = Opt.Flag("--dry-run", "Print the parts, write none.");
        var command = new CommandWithExamples("split",
            "Splits a GGUF file into PREFIX-00001-of-0000N.gguf and so on, which llama.cpp reads, too.",
            "model.gguf --max-size 2G", "model.gguf --max-tensors 128 -o parts/model") { file, prefix, maxSize, maxTensors, dryRun };
        command.SetAction(parsed =>
        {
            string given = parsed.GetRequiredValue(file), path = ModelFolder.Resolve(parsed, given);
            long bytes = parsed.GetValue(maxSize) is { } size ? ParseSize(size) : long.MaxValue;
            int tensors = parsed.GetValue(maxTensors) is > 0 and int limit ? limit : int.MaxValue;
            if (bytes == long.MaxValue && tensors == int.MaxValue)
                throw new UsageException("how large may a part be? give --max-size or --max-tensors");
            using GgufFile gguf = GgufFile.Open(path);
            using var interrupts = new Interrupts();
            using var copying = new Copying(gguf, "splitting");
            var splitter = new GgufSplitter(gguf, copying.Done, interrupts.Token);
            splitter.Plan(bytes, tensors);
            // Parts of a pulled model are put into the current folder.
            Write(splitter, gguf, parsed.GetValue(prefix) ?? WithoutSuffix(path == given ? path : Path.GetFileName(path)), parsed.GetValue(dryRun));
            return Failure.Ok;
        });
        return command;
    }

    // All parts or none: they get their names when the last is written.
    private static void Write(GgufSplitter splitter, GgufFile gguf, string prefix, bool dryRun)
    {
        var files = new List<(string, Action<Stream>)>();
        var lines = new List<string>();
        for (int i = 0; i < splitter.Parts.Count; i++)
        {
            int number = i;
            string path = GgufSplitter.PartPath(prefix, i, splitter.Parts.Count);
            (int first, int count) = splitter.Parts[i].GetOffsetAndLength(gguf.Tensors.Count);
            lines.Add(string.Create(CultureInfo.InvariantCulture,
                $"{path}: {count} tensors, {gguf.Tensors.Skip(first).Take(count).Sum(tensor => tensor.Bytes)} bytes of data"));
            files.Add((path, stream => splitter.WritePart(number, stream)));
        }
        if (!dryRun) AtomicFile.Write(files);
        using var output = new Output();
        foreach (string line in lines) output.WriteLine(line);
    }

    private static long ParseSize(string text)
    {
        long unit = text.Length == 0 ? 1 : char.ToUpperInvariant(text[^1]) switch { 'M' => 1_000_000, 'G' => 1_000_000_000, _ => 1 };
        string digits = unit == 1 ? text : text[..^1];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0 && value <= long.MaxValue / unit
            ? value * unit
            : throw new UsageException($"--max-size: expected a number above 0, such as 2G or 300M, found '{text}'");
    }

    private static string WithoutSuffix(string path)
    {
        string name = ModelName.WithoutEnding(path);
        return ModelName.Part(name)?.Name ?? name; // parts that are cut again
    }
}
