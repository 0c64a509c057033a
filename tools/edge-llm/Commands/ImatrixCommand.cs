using System.CommandLine;

namespace Edge.Llm.Cli.Commands;

/// <summary>Importance matrices for quantization, from a text or from other such files.</summary>
internal static class ImatrixCommand
{
    private const int DefaultChunkSize = 512;

    public static Command Make()
    {
        Option<string?> file = Opt.Text("--file", ["-f"], "The text; - reads standard input.", "FILE");
        Option<string?> target = Opt.Text("--output", ["-o", "--output-file"], "The file to write (default: imatrix.gguf).", "FILE");
        var inFiles = new Option<string[]>("--in-file")
        {
            Description = "Importance matrices to add, GGUF or the older .dat; may be repeated. Without -f they are only merged.", HelpName = "FILE",
        };
        Option<int> size = Opt.Integer("--ctx-size", ["-c"], "Tokens a chunk.", DefaultChunkSize, TextChunks.MinSize, 1 << 24);
        Option<int> most = Opt.Integer("--chunks", [], "Chunks at most; -1: all.", -1, -1);
        Option<bool> output = Opt.Flag("--process-output", "Take the output matrix, too.");
        var command = new CommandWithExamples("imatrix",
            "Computes how much the columns of each weight matter, for quantizing well, as llama-imatrix does.",
            "-m f16.gguf -f calibration.txt -o imatrix.gguf", "--in-file a.gguf --in-file b.gguf -o both.gguf")
            { file, target, inFiles, size, most, output };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command, withContextSize: false);
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(target) ?? "imatrix.gguf";
            string[] others = parsed.GetValue(inFiles) ?? [];
            if (parsed.GetValue(file) is null && others.Length == 0)
                throw new UsageException("no text: give -f FILE, or --in-file to merge matrices");
            byte[]? text = parsed.GetValue(file) is { } name ? Input.TrimLastNewline(Input.ReadFile(name)) : null;
            if (text is { Length: 0 }) throw new UsageException($"{parsed.GetValue(file)}: the text is empty");
            using var interrupts = new Interrupts();
            using AtomicFile result = AtomicFile.Create(path); // what cannot be written must not come to light after hours
            var sums = new ImportanceSums();
            foreach (string other in others) sums.Add(ImportanceMatrix.Load(other));
            bool complete = true;
            if (text is not null)
            {
                using LanguageModel model = modelOptions.Open(parsed);
                Tokenizer tokenizer = Tokenizer.FromGguf(model.File.Metadata);
                int limit = parsed.GetValue(most) is > 0 and int given ? given : int.MaxValue;
                TextChunks chunks = TextChunks.Of(text, tokenizer, parsed.GetValue(size), limit);
                using var run = new ImportanceRun(model, tokenizer.Vocabulary, chunks, modelOptions.Context(parsed, model), parsed.GetValue(output));
                complete = Collect(run, sums, chunks, Path.GetFileName(parsed.GetValue(file)!), interrupts.Token);
            }
            if (sums.ChunkCount == 0 && !complete) return Failure.Interrupted; // nothing to write
            sums.ToMatrix().WriteTo(result.Stream);
            result.Complete();
            Console.Error.WriteLine($"{Failure.OneLine(path)}: {sums.ToMatrix().Entries.Count} tensors, {sums.ChunkCount} chunks");
            return complete ? Failure.Ok : Failure.Interrupted;
        });
        return command;
    }

    /// <summary>Ctrl-C keeps the chunks done; false then.</summary>
    private static bool Collect(ImportanceRun run, ImportanceSums sums, TextChunks chunks, string dataset, CancellationToken cancellation)
    {
        using var progress = new Progress("collecting", reports: true);
        int done = 0;
        try
        {
            run.Run(sums, dataset, () => progress.Report(++done, chunks.Count, " chunks"), cancellation);
            return true;
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.Cancelled)
        {
            progress.Dispose();
            Console.Error.WriteLine($"edge-llm: stopped after {done} of {chunks.Count} chunks");
            return false;
        }
    }
}
