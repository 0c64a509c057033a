using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>Generating for somebody who watches: progress of the prompt, Ctrl-C, text as it comes, statistics.</summary>
internal static class Generation
{
    /// <summary>The steps; Ctrl-C ends them with <see cref="FinishReason.Cancelled"/>.</summary>
    public static IEnumerable<GeneratedToken> Run(Session session, int[] prompt, GenerateOptions options)
    {
        using var interrupts = new Interrupts();
        using var progress = new Progress("reading the prompt", reports: true);
        bool reading = true;
        foreach (GeneratedToken step in session.Generate(prompt, options with { OnPrefill = (done, total) => progress.Report(done, total) }, interrupts.Token))
        {
            if (reading) progress.Dispose();
            reading = false;
            yield return step;
        }
    }

    /// <summary>Prints the text as it comes.</summary>
    public static FinishReason Stream(Session session, int[] prompt, GenerateOptions options, Output output)
    {
        FinishReason finish = FinishReason.Length;
        foreach (GeneratedToken step in Run(session, prompt, options))
        {
            output.Write(step.Text);
            output.Flush();
            finish = step.Finish ?? finish;
        }
        return finish;
    }

    public static void WriteStatistics(GenerationStatistics statistics, FinishReason finish) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"prompt: {statistics.PromptTokens - statistics.ReusedTokens} tokens, {statistics.PromptTokensPerSecond:F1} tokens/s; "
            + $"generation: {statistics.GeneratedTokens} tokens, {statistics.GenerationTokensPerSecond:F1} tokens/s; "
            + $"finish: {Name(finish)}; seed: {statistics.Seed}"));

    public static string Name(FinishReason finish) => finish switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.Eos => "eos",
        FinishReason.Deadline => "deadline",
        _ => "cancelled",
    };
}
