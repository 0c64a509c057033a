using Edge.Llm.Tokenization;

namespace Edge.Llm.Cli.Chat;

/// <summary>Which chat template turns messages to tokens.</summary>
internal static class ChatTemplates
{
    public const string Names = "chatml, plain";

    public sealed record Choice(Func<IReadOnlyList<ChatMessage>, int[]> Encode, string[] Stop);

    public static Choice Choose(string? option, LanguageModel model, Tokenizer tokenizer) =>
        new(messages => tokenizer.Encode(string.Concat(messages.Select(message => message.Content))), []);
}
