using System.Globalization;

namespace Edge.Llm.Cli.Chat;

/// <summary>Tokens and times of all answers of a chat.</summary>
internal sealed class ChatTotals
{
    private int _answers, _read, _generated;
    private TimeSpan _time;

    public void Add(GenerationStatistics answer)
    {
        _answers++;
        _read += answer.PromptTokens - answer.ReusedTokens;
        _generated += answer.GeneratedTokens;
        _time += answer.PromptTime + answer.GenerationTime;
    }

    public void Write(Conversation conversation)
    {
        GenerationStatistics last = conversation.Statistics;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"context: {last.PromptTokens + last.GeneratedTokens} of {conversation.ContextSize} tokens; "
            + $"messages: {conversation.Messages.Count}, {conversation.ForgottenMessages} of them no longer seen"));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_answers} answers: {_read} tokens read, {_generated} generated, {_time.TotalSeconds:F1} s"));
    }
}
