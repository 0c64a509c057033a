using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>Continues a prompt.</summary>
internal static class RunCommand
{
    public static Command Make()
    {
        Option<string?> promptOption = Opt.Text("--prompt", ["-p"], "The prompt.");
        Option<string?> file = Opt.Text("--file", ["-f"], "A file with the prompt; - reads standard input.", "FILE");
        var promptArgument = new Argument<string?>("PROMPT") { Description = "The prompt.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> noBos = Opt.Flag("--no-bos", "Put no BOS token before the prompt.");
        Option<bool> special = Opt.Flag("--special", "Print control tokens too.");
        Option<bool> json = Opt.Flag("--json", "Print one JSON object in the end instead of text as it comes.");
        Option<int> logprobs = Opt.Integer("--logprobs", [], "With --json: how likely each token was, and N of the likeliest tokens.", -1, 0);
        var command = new CommandWithExamples("run", "Continues a prompt: the text goes to standard output, statistics to standard error.",
            "-m model.gguf -p \"Once upon a time\"", "-m model.gguf --temp 0 -n 200 \"Once upon a time\"", "-m model.gguf -n 64 < prompt.txt",
            "-m model.gguf -p \"List three birds:\" -e --stop \"\\n\\n\" --seed 7 --json") { promptArgument, promptOption, file, noBos, special, json, logprobs };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        GenerateOptionsBinding generateOptions = new GenerateOptionsBinding(defaultTokens: 128).AddTo(command);
        var drafts = new DraftOptionsBinding();
        drafts.AddTo(command);
        var answers = new AnswerOptionsBinding();
        answers.AddTo(command);
        PromptCacheBinding promptCache = new PromptCacheBinding().AddTo(command);
        LlamaCppOptions.AddTo(command, converses: false);
        command.SetAction(parsed =>
        {
            int likeliest = parsed.GetValue(logprobs);
            if (likeliest >= 0 && !parsed.GetValue(json)) throw new UsageException("--logprobs: expected --json beside it");
            GenerateOptions generate = generateOptions.Get(parsed) with
            {
                RenderSpecial = parsed.GetValue(special), LogProbabilities = likeliest < 0 ? null : likeliest,
            };
            byte[] prompt = Prompt(generateOptions.Text(parsed, parsed.GetValue(promptOption)),
                generateOptions.Text(parsed, parsed.GetValue(promptArgument)), parsed.GetValue(file));
            using LanguageModel model = modelOptions.Open(parsed);
            AnswerOptions answer = answers.Get(parsed);
            if (answer.Tools is not null) // the prompt is a user's message then
            {
                ChatTemplate template = Chat.ChatTemplates.Choose(null, model, model.Tokenizer).Template;
                ChatPrompt chat = new ChatFormat(template, model.Tokenizer).Prepare([new ChatMessage("user", Encoding.UTF8.GetString(prompt))], answer, generate);
                using LanguageModel? drafting = drafts.Open(parsed, modelOptions);
                using Context answering = model.CreateContext(drafts.Context(parsed, promptCache.Context(parsed, modelOptions.Context(parsed, model))), drafting);
                int ended = parsed.GetValue(json) ? WriteJson(answering, [.. chat.Tokens], chat.Options, chat) : WriteAnswer(answering, chat);
                PromptCacheBinding.Warn(answering);
                return ended;
            }
            int[] tokens = parsed.GetValue(noBos) ? model.Tokenizer.Encode(prompt, addSpecial: false) : model.Tokenizer.EncodePrompt(prompt);
            using LanguageModel? draft = drafts.Open(parsed, modelOptions);
            using Context context = model.CreateContext(drafts.Context(parsed, promptCache.Context(parsed, modelOptions.Context(parsed, model))), draft);
            int status = parsed.GetValue(json) ? WriteJson(context, tokens, generate) : WriteText(context, tokens, generate);
            PromptCacheBinding.Warn(context);
            return status;
        });
        return command;
    }

    private static byte[] Prompt(string? option, string? argument, string? file) => (option, argument, file) switch
    {
        ({ } text, null, null) => Encoding.UTF8.GetBytes(text),
        (null, not null and not "-", null) => Encoding.UTF8.GetBytes(argument),
        (null, null, { } path) => NotEmpty(Input.ReadFile(path), path),
        (null, "-", null) => NotEmpty(Input.ReadStandardInput(), "standard input"),
        (null, null, null) when Console.IsInputRedirected => NotEmpty(Input.ReadStandardInput(), "standard input"),
        (null, null, null) => throw new UsageException("no prompt: give -p TEXT, or pipe it in"),
        _ => throw new UsageException("more than one prompt given"),
    };

    private static byte[] NotEmpty(byte[] text, string source)
    {
        byte[] prompt = Input.TrimLastNewline(text);
        return prompt.Length > 0 ? prompt : throw new UsageException($"{source}: expected a prompt, found an empty text");
    }

    private static int WriteText(Context context, int[] prompt, GenerateOptions options)
    {
        using var output = new Output();
        FinishReason finish = WatchedGeneration.Stream(context, prompt, options, output, out GenerationStatistics statistics);
        output.WriteLine();
        output.Flush();
        WatchedGeneration.WriteStatistics(statistics, finish);
        return finish == FinishReason.Cancelled ? Failure.Interrupted : Failure.Ok;
    }

    private static int WriteAnswer(Context context, ChatPrompt prompt)
    {
        using var output = new Output();
        var writer = new Chat.AnswerWriter(output, text => text);
        AnswerScanner scanner = prompt.NewScanner();
        FinishReason finish = FinishReason.Length;
        GenerationStatistics statistics = WatchedGeneration.Run(context, [.. prompt.Tokens], prompt.Options, step =>
        {
            writer.Write(step.Finish is null ? scanner.Append(step.Text) : [.. scanner.Append(step.Text), .. scanner.Finish()]);
            finish = step.Finish ?? finish;
        });
        writer.End();
        WatchedGeneration.WriteStatistics(statistics, finish);
        return finish == FinishReason.Cancelled ? Failure.Interrupted : Failure.Ok;
    }

    private static int WriteJson(Context context, int[] prompt, GenerateOptions options, ChatPrompt? chat = null)
    {
        using var output = new Output();
        var text = new StringBuilder();
        var tokens = new List<GeneratedToken>();
        FinishReason finish = FinishReason.Length;
        GenerationStatistics statistics = WatchedGeneration.Run(context, prompt, options, step =>
        {
            text.Append(step.Text);
            if (step.Finish is { } reason) finish = reason;
            else tokens.Add(step);
        });

        using var json = new Utf8JsonWriter(output, Json.Indented);
        json.WriteStartObject();
        json.WriteString("text", text.ToString());
        if (chat is not null) WriteParts(json, chat.NewScanner(), text.ToString());
        json.WriteStartArray("tokens");
        foreach (GeneratedToken token in tokens) json.WriteNumberValue(token.Token);
        json.WriteEndArray();
        if (options.LogProbabilities is not null) WriteLogProbabilities(json, context.Model.Tokenizer, tokens);
        json.WriteString("finish_reason", WatchedGeneration.Name(finish));
        json.WriteNumber("seed", statistics.Seed);
        json.WriteNumber("prompt_tokens", statistics.PromptTokens);
        json.WriteNumber("generated_tokens", statistics.GeneratedTokens);
        json.WriteNumber("forced_tokens", statistics.ForcedTokens);
        json.WriteNumber("shifted_tokens", statistics.ShiftedTokens);
        json.WriteNumber("drafted_tokens", statistics.DraftedTokens);
        json.WriteNumber("accepted_tokens", statistics.AcceptedTokens);
        json.WriteNumber("prompt_tokens_per_second", Math.Round(statistics.PromptTokensPerSecond, 2));
        json.WriteNumber("generation_tokens_per_second", Math.Round(statistics.GenerationTokensPerSecond, 2));
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
        return finish == FinishReason.Cancelled ? Failure.Interrupted : Failure.Ok;
    }

    private static void WriteLogProbabilities(Utf8JsonWriter json, Tokenizer tokenizer, List<GeneratedToken> tokens)
    {
        json.WriteStartArray("logprobs");
        foreach (GeneratedToken token in tokens)
            if (token.Probabilities is null) json.WriteNullValue(); // it was not drawn
            else LogProbabilities.WriteItem(json, tokenizer, token);
        json.WriteEndArray();
    }

    // The answer taken apart.
    private static void WriteParts(Utf8JsonWriter json, AnswerScanner scanner, string text)
    {
        var answer = new ChatAnswer();
        answer.Add(scanner.Append(text));
        answer.Add(scanner.Finish());
        json.WriteString("content", answer.Content);
        json.WriteString("reasoning_content", answer.Reasoning);
        json.WritePropertyName("tool_calls");
        ChatAnswer.CallsJson(answer.Calls).WriteTo(json);
    }
}
