using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>Reads prompts, and texts to embed: a text, its tokens, or a list of either.</summary>
internal static class PromptReader
{
    private const int MostTokens = 1 << 20;

    /// <summary>Refuses more answers than a request may have.</summary>
    public static void RequireAnswers(Field prompt, int prompts, int choices)
    {
        if (prompts * choices > Limits.Answers) throw prompt.Error($"expected at most {Limits.Answers} answers, found {prompts} prompts with {choices} each");
    }

    public static List<int[]> Read(Field input, int max, LoadedModel model, Func<string, int[]> encode)
    {
        if (input.IsText) return [Encode(input)];
        Field[] items = input.Items(MostTokens);
        if (items.Length == 0) throw input.Error("expected one text at least");
        if (!items[0].IsText && !items[0].IsList) return [[.. items.Select(Token)]];
        if (items.Length > max) throw input.Error($"expected at most {max} items, found {items.Length}");
        return [.. items.Select(item => item.IsText ? Encode(item) : [.. item.Items(MostTokens).Select(Token)])];

        int[] Encode(Field text)
        {
            int[] tokens = encode(text.Text());
            return tokens.Length > 0 ? tokens : throw text.Error("expected a text, found an empty one");
        }

        int Token(Field token) => token.Integer(0, model.Tokenizer.Vocabulary.Count - 1);
    }
}
