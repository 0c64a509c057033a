using System.CommandLine;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Commands;

/// <summary>Several files into one.</summary>
internal static class MergeCommand
{
    public static Command Make()
    {
        var file = new Argument<string>("FILE") { Description = "Any part of a split GGUF file, or the name of a pulled model." };
        Option<string?> target = Opt.Text("--output", ["-o"], "The file to write.", "FILE");
        var command = new CommandWithExamples("merge", "Makes one GGUF file of the parts of a split one.",
            "model-00001-of-00003.gguf -o model.gguf") { file, target };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(target) ?? throw new UsageException("no file to write: give -o FILE");
            using GgufFile gguf = GgufFile.Open(ModelFolder.Resolve(parsed, parsed.GetRequiredValue(file)));
            if (gguf.IsPart(path)) throw new UsageException($"{path}: the output is the input");
            using var interrupts = new Interrupts();
            using var copying = new Copying(gguf, "merging");
            AtomicFile.Write(path, new GgufSplitter(gguf, copying.Done, interrupts.Token).WriteMerged);
            return Failure.Ok;
        });
        return command;
    }
}

/// <summary>Progress of copying a file's tensors.</summary>
internal sealed class Copying(GgufFile file, string what) : IDisposable
{
    private readonly Progress _progress = new(what, reports: true);
    private readonly long _total = file.Tensors.Sum(tensor => tensor.Bytes);
    private long _done;

    public void Done(long bytes) => _progress.Report(_done += bytes, _total);

    public void Dispose() => _progress.Dispose();
}
