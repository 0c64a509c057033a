using System.CommandLine;
using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Cli.Commands;

/// <summary>A plain loop: a line in, an answer out, all in one context.</summary>
internal static class ChatCommand
{
    public static Command Make()
    {
        Option<string?> system = Opt.Text("--system", ["-sys", "--system-prompt"], "A text before the first line.");
        Option<string?> prefix = Opt.Text("--in-prefix", [], "Put before each line (the user's role).");
        Option<string?> suffix = Opt.Text("--in-suffix", [], "Put after each line (the model's role).");
        var command = new CommandWithExamples("chat",
            "Reads lines from standard input and answers each; the text so far stays in the context. Ctrl-C stops an answer, Ctrl-D ends.",
            "-m model.gguf", "-m model.gguf --in-prefix \"User: \" --in-suffix \"Assistant:\" --stop \"User:\"") { system, prefix, suffix };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        GenerateOptionsBinding generateOptions = new GenerateOptionsBinding(defaultTokens: 512).AddTo(command);
        command.SetAction(parsed =>
        {
            GenerateOptions generate = generateOptions.Get(parsed);
            using LanguageModel model = modelOptions.Open(parsed);
            Tokenizer tokenizer = Tokenizer.FromGguf(model.File.Metadata);
            using InferenceContext context = model.CreateContext(modelOptions.Context(parsed, model));
            using var session = new Session(context, tokenizer);
            Loop(session, tokenizer, generate, generateOptions.Text(parsed, parsed.GetValue(system)),
                generateOptions.Text(parsed, parsed.GetValue(prefix)), generateOptions.Text(parsed, parsed.GetValue(suffix)));
            return Failure.Ok;
        });
        return command;
    }

    private static void Loop(Session session, Tokenizer tokenizer, GenerateOptions options, string? system, string? prefix, string? suffix)
    {
        using var output = new Output();
        using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        bool terminal = !Console.IsInputRedirected;
        List<int> text = [.. tokenizer.Encode(system ?? "")];
        while (true)
        {
            if (terminal) Console.Error.Write("> ");
            if (input.ReadLine() is not { } line) break;
            string turn = $"{prefix}{line}{(suffix is null ? "\n" : "\n" + suffix)}";
            text.AddRange(tokenizer.Encode(turn, addSpecial: false));

            FinishReason finish = FinishReason.Length;
            foreach (GeneratedToken step in Generation.Run(session, [.. text], options))
            {
                output.Write(step.Text);
                output.Flush();
                if (step.Finish is { } reason) finish = reason;
                else text.Add(step.Token);
            }
            output.WriteLine();
            output.Flush();
            if (terminal) Generation.WriteStatistics(session.Statistics, finish);
        }
        if (terminal) Console.Error.WriteLine();
    }
}
