using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>Text to token ids.</summary>
internal static class TokenizeCommand
{
    public static Command Make()
    {
        Option<string?> model = ModelOptionsBinding.ModelFile();
        Option<string[]> overrides = OverrideOption.Make();
        Option<string?> text = Opt.Text("--text", ["-p", "--prompt"], "The text.");
        Option<string?> file = Opt.Text("--file", ["-f"], "A file with the text, byte for byte; - reads standard input.", "FILE");
        Option<bool> noBos = Opt.Flag("--no-bos", "Add no BOS and no EOS token.");
        Option<bool> noSpecial = Opt.Flag("--no-special", "Read the spelling of special tokens as plain text.");
        var command = new CommandWithExamples("tokenize", "Prints the token ids of a text as a JSON array.",
            "-m model.gguf --text \"Hello world\"", "-m model.gguf --file book.txt --no-bos") { model, text, file, noBos, noSpecial, overrides };
        command.SetAction(parsed =>
        {
            byte[] utf8 = (parsed.GetValue(text), parsed.GetValue(file)) switch
            {
                (not null, not null) => throw new UsageException("give either --text or --file, not both"),
                ({ } given, null) => Encoding.UTF8.GetBytes(given),
                (null, { } path) => Input.ReadFile(path),
                _ when Console.IsInputRedirected => Input.ReadStandardInput(),
                _ => throw new UsageException("no text: give --text or --file"),
            };
            Tokenizer tokenizer = ModelOptionsBinding.OpenTokenizer(parsed, parsed.GetValue(model), OverrideOption.Get(parsed, overrides));
            int[] ids = tokenizer.Encode(utf8, !parsed.GetValue(noBos), !parsed.GetValue(noSpecial));
            using var output = new Output();
            using (var json = new Utf8JsonWriter(output, Json.Compact))
            {
                json.WriteStartArray();
                foreach (int id in ids) json.WriteNumberValue(id);
                json.WriteEndArray();
            }
            output.WriteLine();
            return Failure.Ok;
        });
        return command;
    }
}
