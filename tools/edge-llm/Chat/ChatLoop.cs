namespace Edge.Llm.Cli.Chat;

/// <summary>Message in, answer out, until the messages end.</summary>
internal sealed class ChatLoop(Conversation conversation, GenerateOptions options, Output output, AnswerInterrupts interrupts)
{
    private readonly ChatTotals _totals = new();
    private readonly bool _onTerminal = !Console.IsOutputRedirected;
    private ulong _regenerations;

    /// <summary>Whether a person asks: errors end an answer and not the program, and lines that begin with a slash are commands.</summary>
    public bool ForPerson { get; init; }

    /// <summary>Answers the first message, if there is one, and then all others; the exit code.</summary>
    public int Run(IMessages messages, string? first)
    {
        var commands = new ChatCommands(conversation, _totals);
        bool typed = first is null;
        for (string? message = first ?? messages.Next(); message is not null; message = messages.Next(), typed = true)
        {
            try
            {
                ChatCommands.Outcome outcome = ForPerson && typed && message[0] == '/' ? commands.Execute(message) : ChatCommands.Outcome.Ask;
                if (outcome == ChatCommands.Outcome.Exit) break;
                if (outcome == ChatCommands.Outcome.Done) continue;
                bool asks = outcome != ChatCommands.Outcome.Regenerate, isResult = asks && ToolCalls.TryAddResult(conversation, message);
                if (isResult && ToolCalls.Pending(conversation.Messages).Count > 0) continue;
                FinishReason finish = Answer(asks ? message : null, isResult);
                if (finish == FinishReason.Cancelled && !ForPerson) return Failure.Interrupted;
            }
            catch (Exception e) when (ForPerson
                && e is not ClosedPipeException and (EdgeLlmException or UsageException or IOException or UnauthorizedAccessException))
            {
                _ = Failure.Report(e);
            }
        }
        return Failure.Ok;
    }

    // Answers the message, or what tools returned; without a message the last one again.
    private FinishReason Answer(string? message, bool isResult)
    {
        using var progress = new Progress("reading", reports: true);
        CancellationToken stop = interrupts.Begin();
        int forgotten = conversation.ForgottenMessages;
        FinishReason finish = FinishReason.Length;
        bool begun = false;
        var writer = new AnswerWriter(output, text => _onTerminal ? Printable(text) : text);
        try
        {
            GenerateOptions watched = options with { OnPrefill = (done, total) => progress.Report(done, total) };
            foreach (GeneratedToken step in message is null ? conversation.Regenerate(Reseeded(watched), stop)
                : isResult ? conversation.Answer(watched, stop) : conversation.Ask(message, watched, stop))
            {
                if (!begun)
                {
                    begun = true;
                    progress.Dispose();
                    TellForgotten(conversation.ForgottenMessages - forgotten);
                }
                writer.Write(conversation.Deltas);
                finish = step.Finish ?? finish;
            }
        }
        finally
        {
            interrupts.End();
            if (begun) writer.End();
            output.Flush();
        }
        _totals.Add(conversation.Statistics, finish);
        if (!ForPerson) WatchedGeneration.WriteStatistics(conversation.Statistics, finish);
        else if (finish == FinishReason.Cancelled) Console.Error.WriteLine("(stopped)");
        else if (finish == FinishReason.Length) Console.Error.WriteLine("(cut off: at the limit of -n, or the context is full)");
        return finish;
    }

    // A seed that the user gave would give the answer that the user did not want.
    private GenerateOptions Reseeded(GenerateOptions watched) =>
        watched.Sampling.Seed is { } seed ? watched with { Sampling = watched.Sampling with { Seed = seed + ++_regenerations } } : watched;

    private void TellForgotten(int messages)
    {
        if (messages > 0)
            Console.Error.WriteLine(
                $"edge-llm: the context of {conversation.ContextSize} tokens is full: the model no longer sees the oldest {messages} messages");
    }

    // A model may have learnt escape sequences; they must not steer the terminal.
    private static string Printable(string text) => text.Any(IsHarmful) ? string.Concat(text.Select(c => IsHarmful(c) ? '?' : c)) : text;

    private static bool IsHarmful(char c) => char.IsControl(c) && c is not ('\n' or '\t');
}
