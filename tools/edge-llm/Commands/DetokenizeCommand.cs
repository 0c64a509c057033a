using System.CommandLine;
using System.Globalization;
using System.Text;

namespace Edge.Llm.Cli.Commands;

/// <summary>Token ids to text.</summary>
internal static class DetokenizeCommand
{
    public static Command Make()
    {
        Option<string?> model = ModelOptionsBinding.ModelFile();
        Option<string[]> overrides = OverrideOption.Make();
        Option<bool> special = Opt.Flag("--special", "Render control tokens too.");
        var ids = new Argument<string[]>("ids")
        {
            Description = "Token ids, separated by spaces or commas, or a JSON array; - reads standard input.", Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new CommandWithExamples("detokenize", "Prints the text of token ids and a newline.",
            "-m model.gguf 1 403 407", "-m model.gguf 1,403,407", "-m model.gguf - < ids.json") { model, special, overrides, ids };
        command.SetAction(parsed =>
        {
            string[] texts = parsed.GetValue(ids) ?? [];
            if (texts is ["-"] || (texts.Length == 0 && Console.IsInputRedirected)) texts = [Encoding.UTF8.GetString(Input.ReadStandardInput())];
            else if (texts.Length == 0) throw new UsageException("no token ids");
            int[] tokens = Input.ParseTokens(texts);
            Tokenizer tokenizer = ModelOptionsBinding.OpenTokenizer(parsed, parsed.GetValue(model), OverrideOption.Get(parsed, overrides));
            foreach (int token in tokens)
                if (token >= tokenizer.Vocabulary.Count)
                    throw new UsageException(string.Create(CultureInfo.InvariantCulture,
                        $"token {token}: the vocabulary has ids 0 to {tokenizer.Vocabulary.Count - 1}"));
            using var output = new Output();
            output.WriteLine(tokenizer.Decode(tokens, parsed.GetValue(special)));
            return Failure.Ok;
        });
        return command;
    }
}
