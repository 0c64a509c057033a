using System.CommandLine;
using System.Text;
using Edge.Llm.Cli.Chat;
using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Cli.Commands;

/// <summary>Talks: with a person at a terminal, or with the lines of a pipe.</summary>
internal static class ChatCommand
{
    public static Command Make()
    {
        Option<string?> system = Opt.Text("--system", ["-sys", "--system-prompt"], "The system's message.");
        Option<string?> template = Opt.Text("--chat-template", [],
            $"Instead of the model's own: a Jinja text, @FILE, or {ChatTemplates.Names}.", "TEXT|@FILE|NAME");
        Option<string?> prompt = Opt.Text("--prompt", ["-p"], "The first message.");
        Option<bool> noHistory = Opt.Flag("--no-history", "Neither read nor write the file of messages entered before.");
        var command = new CommandWithExamples("chat",
            "Answers messages, typed or piped in, a line each. Ctrl-C stops an answer, Ctrl-D ends; /help tells more.",
            "-p \"Tell me a story.\"", "-m model.gguf --system \"Answer in one sentence.\"", "-m model.gguf --temp 0 < questions.txt")
        {
            system, template, prompt, noHistory,
        };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        GenerateOptionsBinding generateOptions = new GenerateOptionsBinding(defaultTokens: 512).AddTo(command);
        var drafts = new DraftOptionsBinding();
        drafts.AddTo(command);
        var answers = new AnswerOptionsBinding();
        answers.AddTo(command);
        LlamaCppOptions.AddTo(command, converses: true);
        PromptCacheBinding promptCache = new PromptCacheBinding().AddTo(command);
        command.SetAction(parsed =>
        {
            StandardStreams.NeedInput();
            GenerateOptions generate = generateOptions.Get(parsed);
            AnswerOptions answer = answers.Get(parsed);
            using LanguageModel model = modelOptions.Open(parsed);
            (ChatTemplate chatTemplate, string[] stop) = ChatTemplates.Choose(parsed.GetValue(template), model, model.Tokenizer);
            using LanguageModel? draft = drafts.Open(parsed, modelOptions);
            using Context context = model.CreateContext(drafts.Context(parsed, promptCache.Context(parsed, modelOptions.Context(parsed, model))), draft);
            using var conversation = new Conversation(context, chatTemplate)
            {
                System = generateOptions.Text(parsed, parsed.GetValue(system)),
                AnswerOptions = answer,
            };
            int status = Talk(conversation, generate with { Stop = [.. generate.Stop, .. stop] },
                generateOptions.Text(parsed, parsed.GetValue(prompt)), parsed.GetValue(noHistory));
            PromptCacheBinding.Warn(context);
            return status;
        });
        return command;
    }

    private static int Talk(Conversation conversation, GenerateOptions options, string? first, bool noHistory)
    {
        using var output = new Output();
        bool person = !Console.IsInputRedirected, edits = TerminalInput.IsPossible;
        var history = new History(noHistory || !edits ? null : History.DefaultPath());
        using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        IMessages messages = edits ? new EditedMessages(new TerminalInput(output, history), history)
            : person ? new TypedMessages(input) : new PipedMessages(input);
        // The line editor sees Ctrl-C as a key; a signal comes between two prompts at most.
        using var interrupts = new AnswerInterrupts(edits ? int.MaxValue : person ? 1 : 0);
        if (person) Console.Error.WriteLine("/help lists the commands; Ctrl-D ends");
        var loop = new ChatLoop(conversation, options, output, interrupts) { ForPerson = person };
        return loop.Run(messages, string.IsNullOrWhiteSpace(first) ? null : first);
    }
}
