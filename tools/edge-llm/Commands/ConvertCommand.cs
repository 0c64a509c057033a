using System.CommandLine;
using System.Globalization;

namespace Edge.Llm.Cli.Commands;

/// <summary>A Hugging Face folder to a GGUF file.</summary>
internal static class ConvertCommand
{
    public static Command Make()
    {
        var folder = new Argument<string>("FOLDER") { Description = "A folder with config.json, safetensors and the files of a tokenizer." };
        Option<string?> target = Opt.Text("--output", ["-o", "--outfile"], "The file to write.", "FILE");
        OutType[] types = [.. ConversionOptions.Types.Select(known => new OutType(known)), default];
        Option<OutType> type = Opt.Choice("--outtype", [], "Type of the matrices; auto: each keeps its own.", default,
            [.. types.Select(known => (known.ToString(), known))]);
        Option<string?> pre = Opt.Text("--pre", [], "Name of the pre-tokenizer (tokenizer.ggml.pre), where tokenizer.json does not tell.", "NAME");
        var command = new CommandWithExamples("convert",
            "Makes a GGUF file of a model in Hugging Face's form: Llama, Mistral, Qwen, Gemma, Phi, gpt-oss, OLMo, Granite, SmolLM, BERT, Nomic.",
            "Qwen3-0.6B -o qwen3-0.6b.gguf", "SmolLM2-135M -o smollm2-135m-q8_0.gguf --outtype q8_0") { folder, target, type, pre };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(target) ?? throw new UsageException("no file to write: give -o FILE");
            var options = new ConversionOptions { Type = parsed.GetValue(type).Value, PreTokenizer = parsed.GetValue(pre) };
            using HfConverter converter = HfConverter.Open(parsed.GetRequiredValue(folder), options);
            foreach (string notice in converter.Notices) Console.Error.WriteLine("edge-llm: " + Failure.OneLine(notice));
            using (var interrupts = new Interrupts())
            using (var progress = new Progress("converting", reports: true))
            {
                long done = 0;
                void Report(long bytes) => progress.Report(done += bytes, converter.FileBytes);
                AtomicFile.Write(path, stream => converter.WriteTo(stream, Report, interrupts.Token));
            }
            if (converter.Saturated > 0)
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"edge-llm: {converter.Saturated} values beyond the range of F16 became ±65504"));
            return Failure.Ok;
        });
        return command;
    }

    /// <summary>A type, or each tensor's own. (The parser has no use for a null.)</summary>
    private readonly record struct OutType(GgmlType? Value)
    {
        public override string ToString() => Value is { } type ? GgmlTypes.Get(type).Name.ToLowerInvariant() : "auto";
    }
}
