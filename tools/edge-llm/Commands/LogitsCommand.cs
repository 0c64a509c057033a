using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Edge.Llm.Cli.Commands;

/// <summary>Raw logits, for comparing engines, builds and options.</summary>
internal static class LogitsCommand
{
    private const int Top = 5;

    public static Command Make()
    {
        Option<string?> tokenList = Opt.Text("--tokens", [], "Token ids, separated by commas; - reads standard input.", "1,2,3");
        Option<bool> all = Opt.Flag("--all", "The logits after every token, not only after the last.");
        Option<string?> path = Opt.Text("--out", ["-o"], "Write them to a file (- is standard output): float32, little-endian, [rows][vocabulary].", "FILE");
        var command = new CommandWithExamples("logits", "Computes logits; without --out prints their SHA-256 and the 5 likeliest tokens after the last.",
            "-m model.gguf --tokens 1,403,407", "-m model.gguf --tokens 1,403,407 --all --out logits.bin -t 1 -b 7") { tokenList, all, path };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        command.SetAction(parsed =>
        {
            string list = parsed.GetValue(tokenList) ?? throw new UsageException("no tokens: give --tokens 1,2,3");
            int[] tokens = Input.ParseTokens([list == "-" ? System.Text.Encoding.UTF8.GetString(Input.ReadStandardInput()) : list]);
            if (tokens.Length == 0) throw new UsageException("--tokens: expected at least one token id");
            using LanguageModel model = modelOptions.Open(parsed);
            ContextOptions options = modelOptions.Context(parsed, model);
            options = options with { LogitsRows = parsed.GetValue(all) ? options.BatchSize : 1 };
            if (tokens.Length > options.ContextSize)
                throw new EdgeLlmException(ErrorCode.ContextFull, $"{tokens.Length} tokens do not fit the context of {options.ContextSize}");
            using Context context = model.CreateContext(options);
            using var output = new Output();
            if (parsed.GetValue(path) is not { } file) Summarize(context, tokens, parsed.GetValue(all), output);
            else if (file == "-") Compute(context, tokens, parsed.GetValue(all), row => output.Write(Bytes(row)));
            else
                AtomicFile.Write(file, stream => Compute(context, tokens, parsed.GetValue(all), row => stream.Write(Bytes(row))));
            return Failure.Ok;
        });
        return command;
    }

    private static void Summarize(Context context, int[] tokens, bool all, Output output)
    {
        var hash = new Sha256();
        float[] last = [];
        Compute(context, tokens, all, row =>
        {
            hash.Append(Bytes(row));
            last = last.Length == 0 ? row.ToArray() : last;
            row.CopyTo(last);
        });
        output.WriteLine($"sha256 {hash.Finish()}");
        foreach (int token in Enumerable.Range(0, last.Length).OrderByDescending(id => last[id]).ThenBy(id => id).Take(Top))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{token} {last[token]:R}"));
    }

    private delegate void RowHandler(ReadOnlySpan<float> row);

    private static void Compute(Context context, int[] tokens, bool all, RowHandler handle)
    {
        using var interrupts = new Interrupts();
        using var progress = new Progress("computing", reports: true);
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, tokens, all ? 0 : tokens.Length - 1, (logits, _) =>
        {
            for (int row = 0; row < logits.Count; row++) handle(logits[row]);
            progress.Report(sequence.Length, tokens.Length);
        }, interrupts.Token);
    }

    // Every machine this runs on is little-endian (the kernels are written for those alone).
    private static ReadOnlySpan<byte> Bytes(ReadOnlySpan<float> row) => MemoryMarshal.AsBytes(row);
}
