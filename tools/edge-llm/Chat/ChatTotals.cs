using System.Globalization;

namespace Edge.Llm.Cli.Chat;

/// <summary>Tokens and times of all answers of a chat.</summary>
internal sealed class ChatTotals
{
    private int _answers, _read, _generated, _inContext;
    private TimeSpan _time;
    private FinishReason _finish;

    public void Add(GenerationStatistics answer, FinishReason finish)
    {
        _answers++;
        _finish = finish;
        _inContext = answer.PromptTokens + answer.GeneratedTokens;
        _read += answer.PromptTokens - answer.ReusedTokens;
        _generated += answer.GeneratedTokens;
        _time += answer.PromptTime + answer.GenerationTime;
    }

    /// <summary>Other messages have taken the place of those that were answered.</summary>
    public void Forget() => _inContext = 0;

    public void Write(Conversation conversation)
    {
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"context: {_inContext} of {conversation.ContextSize} tokens; "
            + $"messages: {conversation.Messages.Count}, {conversation.ForgottenMessages} of them no longer seen"));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"answers: {_answers}; {_read} tokens read, {_generated} generated, {_time.TotalSeconds:F1} s"));
        if (_answers == 0) return;
        Console.Error.Write("the last one: ");
        WatchedGeneration.WriteStatistics(conversation.Statistics, _finish);
    }
}
