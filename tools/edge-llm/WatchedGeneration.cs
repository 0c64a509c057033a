using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>Generating for somebody who watches: progress of the prompt, Ctrl-C, text as it comes, statistics.</summary>
internal static class WatchedGeneration
{
    /// <summary>Hands on each step; Ctrl-C ends them with <see cref="FinishReason.Cancelled"/>.</summary>
    public static GenerationStatistics Run(Context context, int[] prompt, GenerateOptions options, Action<GeneratedToken> handle)
    {
        using var interrupts = new Interrupts();
        using var progress = new Progress("reading the prompt", reports: true);
        options = options with { OnPrefill = (done, total) => progress.Report(done, total) };
        using Generation generation = context.Generate(prompt, options, cancellation: interrupts.Token);
        foreach (GeneratedToken step in generation)
        {
            progress.Dispose();
            handle(step);
        }
        return generation.Statistics;
    }

    /// <summary>Prints the text as it comes.</summary>
    public static FinishReason Stream(Context context, int[] prompt, GenerateOptions options, Output output, out GenerationStatistics statistics)
    {
        FinishReason finish = FinishReason.Length;
        statistics = Run(context, prompt, options, step =>
        {
            output.Write(step.Text);
            output.Flush();
            finish = step.Finish ?? finish;
        });
        return finish;
    }

    public static void WriteStatistics(GenerationStatistics statistics, FinishReason finish)
    {
        string drafts = statistics.DraftedTokens == 0 ? "" : $"drafted: {statistics.DraftedTokens}, {statistics.AcceptedTokens} of them accepted; ";
        string shifted = statistics.ShiftedTokens == 0 ? "" : $"left out of the full context: {statistics.ShiftedTokens} tokens; ";
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"prompt: {statistics.PromptTokens - statistics.ReusedTokens} tokens, {statistics.PromptTokensPerSecond:F1} tokens/s; "
            + $"generation: {statistics.GeneratedTokens} tokens, {statistics.GenerationTokensPerSecond:F1} tokens/s; "
            + $"{drafts}{shifted}finish: {Name(finish)}; seed: {statistics.Seed}"));
    }

    public static string Name(FinishReason finish) => finish switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.Eos => "eos",
        FinishReason.Deadline => "deadline",
        _ => "cancelled",
    };
}
