using System.CommandLine;
using System.Globalization;
using System.Text;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Perplexity;

namespace Edge.Llm.Cli.Commands;

/// <summary>How well models predict a text, and how far they are from another model.</summary>
internal static class PerplexityCommand
{
    private const int DefaultChunkSize = 512;

    public static Command Make()
    {
        var models = new Option<string[]>("--model", "-m")
        {
            Description = "GGUF files, one row of the table each.", HelpName = "FILE...", AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> file = Opt.Text("--file", ["-f"], "The text; - reads standard input. Not needed with --kl-base, which holds it.", "FILE");
        Option<int> size = Opt.Integer("--ctx-size", ["-c"], "Tokens a chunk; with --kl-base that file's.", DefaultChunkSize, TextChunks.MinSize, 1 << 24);
        Option<int> most = Opt.Integer("--chunks", [], "Chunks at most; -1: all.", -1, -1);
        Option<string?> save = Opt.Text("--save-logits", ["--save-all-logits"],
            "Save the log-probabilities of all scored positions, for --kl-base.", "FILE");
        Option<string?> compare = Opt.Text("--kl-base", ["--kl-divergence-base"],
            "Compare with the log-probabilities of such a file: Kullback-Leibler divergence and share of equal top-1 tokens.", "FILE");
        Option<string?> plot = Opt.Text("--plot", [], "Draw size against quality as an SVG.", "FILE.svg");
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("perplexity",
            "Measures how well models predict a text (lower perplexity is better), as llama-perplexity does.",
            "-m model.gguf -f text.txt", "-m f16.gguf -f text.txt --save-logits f16.logits",
            "-m q8_0.gguf q4_k_m.gguf q2_k.gguf --kl-base f16.logits --plot quality.svg")
            { models, file, size, most, save, compare, plot, json };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command, withContextSize: false, withModel: false);
        command.SetAction(parsed =>
        {
            string[] paths = parsed.GetValue(models) is { Length: > 0 } given ? given : [DefaultModel.Find()];
            if (parsed.GetValue(save) is not null && paths.Length > 1)
                throw new UsageException($"--save-logits: expected one model, found {paths.Length}");
            if (parsed.GetValue(file) is null && parsed.GetValue(compare) is null) throw new UsageException("no text: give -f FILE");
            byte[]? text = parsed.GetValue(file) is { } textPath ? Input.TrimLastNewline(Input.ReadFile(textPath)) : null;
            if (text is { Length: 0 }) throw new UsageException($"{parsed.GetValue(file)}: the text is empty");
            using LogitsFile? others = parsed.GetValue(compare) is { } name ? LogitsFile.Open(name) : null;
            using var interrupts = new Interrupts(); // before there are files to leave behind
            using AtomicFile? saved = parsed.GetValue(save) is { } target ? AtomicFile.Create(target) : null;
            using AtomicFile? picture = parsed.GetValue(plot) is { } svg ? AtomicFile.Create(svg) : null;

            int chunkSize = others is not null && parsed.GetResult(size) is not { Implicit: false } ? others.Chunks.Size : parsed.GetValue(size);
            int chunks = parsed.GetValue(most) is > 0 and int limit ? limit : int.MaxValue;
            if (paths.Length > 1) CheckAll(paths, modelOptions, parsed, others);
            var table = new List<ModelQuality>();
            foreach (string path in paths)
            {
                using LanguageModel model = modelOptions.Open(parsed, path);
                table.Add(Measure(model, modelOptions.Context(parsed, model), text, chunkSize, chunks, saved, others, interrupts.Token));
                if (!table[^1].Complete) break;
            }
            bool complete = table[^1].Complete;
            if (table[^1].Result.Running.Count == 0) table.RemoveAt(table.Count - 1);
            Print(table, chunkSize, parsed.GetValue(json));
            if (picture is not null && table.Count > 0)
            {
                picture.Stream.Write(Encoding.UTF8.GetBytes(SizeQualityPlot.Draw(table)));
                picture.Complete();
            }
            if (!complete) return Failure.Interrupted;
            saved?.Complete();
            return Failure.Ok;
        });
        return command;
    }

    // A mistake in the last name must not come to light after hours.
    private static void CheckAll(string[] paths, ModelOptionsBinding modelOptions, ParseResult parsed, LogitsFile? compare)
    {
        foreach (string path in paths)
        {
            using LanguageModel model = LanguageModel.Open(ModelFolder.Resolve(parsed, path), modelOptions.Model(parsed));
            modelOptions.Context(parsed, model); // loads adapters
            Tokenizer.FromGguf(model.File.Metadata);
            if (compare is not null) PerplexityRun.Check(compare, model);
        }
    }

    private static ModelQuality Measure(LanguageModel model, ContextOptions options, byte[]? text, int chunkSize, int most,
        AtomicFile? save, LogitsFile? compare, CancellationToken cancellation)
    {
        Tokenizer tokenizer = Tokenizer.FromGguf(model.File.Metadata);
        TextChunks chunks = text is not null ? TextChunks.Of(text, tokenizer, chunkSize, most)
            : new TextChunks(compare!.Chunks.Tokens.ToArray(), chunkSize, most);
        if (chunkSize > model.ContextLength)
            Console.Error.WriteLine($"edge-llm: {Failure.OneLine(model.File.Path)}: chunks of {chunkSize} tokens, and the model was made for {model.ContextLength}");
        using var progress = new Progress(Failure.OneLine(Path.GetFileName(model.File.Path)), reports: true);
        using var run = new PerplexityRun(model, tokenizer.Vocabulary, chunks, options, save?.Stream, compare);
        bool complete = true;
        try
        {
            run.Run(() => progress.Report(run.Result.Running.Count, chunks.Count,
                string.Create(CultureInfo.InvariantCulture, $" chunks, perplexity {run.Result.Perplexity:F4}")), cancellation);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.Cancelled)
        {
            complete = false;
        }
        return ModelQuality.Of(model.File, run.Result, complete);
    }

    private static void Print(List<ModelQuality> table, int chunkSize, bool json)
    {
        using var output = new Output();
        if (json) QualityJson.Write(table, chunkSize, output);
        else if (table.Count > 0)
        {
            foreach (string line in QualityTable.Lines(table)) output.WriteLine(line);
            output.Flush();
            PerplexityResult result = table[0].Result;
            Console.Error.WriteLine($"{result.Running.Count} chunks of {chunkSize} tokens, {result.Nll.Count} predictions scored");
        }
    }
}
