using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Commands;

/// <summary>Writes a model in fewer bits.</summary>
internal static class QuantizeCommand
{
    private static string TypeNames => string.Join(", ", FileType.All.Select(type => type.Name));

    public static Command Make()
    {
        var input = new Argument<string>("IN") { Description = "A GGUF file, of a split model any part; or the name of a pulled model." };
        var output = new Argument<string>("OUT") { Description = "The file to write." };
        var type = new Argument<string>("TYPE") { Description = $"What to quantize to: {TypeNames}." };
        Option<string?> imatrix = Opt.Text("--imatrix", [], "An importance matrix: which columns matter.", "FILE");
        Option<bool> pure = Opt.Flag("--pure", "One type for all matrices, no mix.");
        Option<bool> requantize = Opt.Flag("--allow-requantize",
            "Quantize tensors that are quantized already; loses more than quantizing the original.");
        Option<bool> leaveOutput = Opt.Flag("--leave-output-tensor", "Leave output.weight as it is.");
        Option<string?> outputType = Opt.Text("--output-type", ["--output-tensor-type"], "Type of output.weight, or of tied embeddings.", "TYPE");
        Option<string?> embeddingType = Opt.Text("--embedding-type", ["--token-embedding-type"], "Type of token_embd.weight.", "TYPE");
        var tensorType = new Option<string[]>("--tensor-type")
        {
            Description = "Type of the tensors whose name the regular expression matches anywhere; may be repeated, the first match counts.",
            HelpName = "REGEX=TYPE",
        };
        Option<string[]> overrides = OverrideOption.Make();
        Option<bool> keepSplit = Opt.Flag("--keep-split", "Split the output as the input is split.");
        Option<bool> dryRun = Opt.Flag("--dry-run", "Print types and sizes; write nothing.");
        Option<bool> force = Opt.Flag("--force", "Replace OUT if it exists.", "-f");
        Option<int> threads = Opt.Integer("--threads", ["-t"], "Threads; 0: one a physical core.", 0, 0, 1024);
        var command = new CommandWithExamples("quantize", "Writes a model in fewer bits a weight, with llama.cpp's mixes of types.",
            "model-f16.gguf model-q4_k_m.gguf Q4_K_M", "model-f16.gguf model-q2_k.gguf Q2_K --imatrix model.imatrix",
            "model-f16.gguf out.gguf Q4_K_M --tensor-type ffn_down=q6_k --dry-run")
            { input, output, type, imatrix, pure, requantize, leaveOutput, outputType, embeddingType, tensorType, overrides, keepSplit, dryRun, force, threads };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(output), typeName = parsed.GetRequiredValue(type);
            if (!FileType.TryParse(typeName, out FileType? fileType)) throw new UsageException($"unknown type '{typeName}'; there are: {TypeNames}");
            string? matrixPath = parsed.GetValue(imatrix);
            var options = new QuantizeOptions
            {
                Pure = parsed.GetValue(pure), AllowRequantize = parsed.GetValue(requantize), LeaveOutput = parsed.GetValue(leaveOutput),
                OutputType = Parse(parsed, outputType), EmbeddingType = Parse(parsed, embeddingType),
                TensorTypes = [.. (parsed.GetValue(tensorType) ?? []).Select(TensorTypeRule.Parse)],
                Importance = matrixPath is null ? null : ImportanceMatrix.Load(matrixPath), ImportancePath = matrixPath ?? "",
                KeepSplit = parsed.GetValue(keepSplit), Overwrite = parsed.GetValue(force), Threads = parsed.GetValue(threads),
            };
            string source = ModelFolder.Resolve(parsed, parsed.GetRequiredValue(input));
            using GgufFile file = GgufFile.Open(source, new GgufOpenOptions { Overrides = OverrideOption.Get(parsed, overrides) });
            QuantizePlan plan = QuantizePlan.Make(file, fileType, options);
            if (!options.Overwrite && Quantizer.OutputPaths(plan, path).FirstOrDefault(File.Exists) is { } existing && !parsed.GetValue(dryRun))
                throw new UsageException($"{existing} exists already (--force replaces it)");
            using var standardOutput = new Output();
            if (parsed.GetValue(dryRun)) QuantizeReport.WriteTensors(plan, standardOutput);
            else Run(plan, path, standardOutput);
            return Failure.Ok;
        });
        return command;
    }

    private static GgmlType? Parse(ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) is { } name ? TensorTypeRule.ParseType(name) : null;

    private static void Run(QuantizePlan plan, string path, Output output)
    {
        QuantizeReport.WriteNotes(plan);
        long start = Stopwatch.GetTimestamp();
        using (var interrupts = new Interrupts())
        using (var progress = new Progress("quantizing", reports: true))
        {
            Quantizer.Run(plan, path, at =>
            {
                if (at.Starts && Console.IsErrorRedirected) QuantizeReport.WriteStart(at, plan.Tensors.Count);
                progress.Report(at.BytesDone, at.BytesTotal);
            }, interrupts.Token);
        }
        QuantizeReport.WriteTotal(plan, output);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: written in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s"));
    }
}
