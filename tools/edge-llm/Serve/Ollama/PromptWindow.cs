using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Makes prompts fit a window of tokens, as Ollama does: the oldest messages but the system's are left out, and then the middle of the
/// text. What had to be made shorter leaves a quarter of the window to the answer.</summary>
internal sealed class PromptWindow(LoadedModel model, OllamaRequest request)
{
    private readonly int _size = Math.Min(request.Window ?? int.MaxValue, model.RequireTexts().Options.ContextSize);

    private int Shortened => _size - (_size / 4);

    /// <summary>Begins the answer to a conversation.</summary>
    /// <param name="chat">The conversation.</param>
    /// <param name="before">Tokens that stand before it.</param>
    /// <param name="tokens">The prompt.</param>
    /// <param name="context">The request.</param>
    public ChatRun Begin(ChatRequest chat, int[] before, out int[] tokens, RequestContext context)
    {
        ChatPrompt prompt = Fit(chat);
        int bos = model.Tokenizer.Vocabulary.BosId;
        tokens = Cut([.. before, .. before.Length > 0 && prompt.Tokens is [var first, ..] && first == bos ? prompt.Tokens.Skip(1) : prompt.Tokens]);
        return new ChatRun(model, tokens, Limit(prompt.Options, tokens), prompt, context);
    }

    /// <summary>Begins the text that goes on with another one.</summary>
    public ChatRun Begin(string text, GenerateOptions options, out int[] tokens, RequestContext context)
    {
        tokens = Cut(model.Tokenizer.EncodePrompt(text));
        return new ChatRun(model, tokens, Limit(options, tokens), null, context);
    }

    private ChatPrompt Fit(ChatRequest chat)
    {
        ChatPrompt whole = ChatRun.PromptOf(model, chat);
        if (!request.Truncates || whole.Tokens.Count < _size) return whole;
        int[] droppable = [.. Enumerable.Range(0, Math.Max(chat.Messages.Count - 1, 0)).Where(i => chat.Messages[i].Role != "system")];
        int low = 1, high = droppable.Length; // messages to drop
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (Without(middle) is { } shorter && shorter.Tokens.Count <= Shortened) high = middle;
            else low = middle + 1;
        }
        return Without(high) ?? whole;

        // A template may refuse what a conversation then begins with.
        ChatPrompt? Without(int count)
        {
            HashSet<int> dropped = [.. droppable.Take(count)];
            try
            {
                return ChatRun.PromptOf(model, chat with { Messages = [.. chat.Messages.Where((_, i) => !dropped.Contains(i))] });
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.InvalidArgument)
            {
                return null;
            }
        }
    }

    private int[] Cut(int[] tokens)
    {
        if (tokens.Length < _size) return tokens;
        if (!request.Truncates) throw new ApiException(400, $"the input length exceeds the context length: {tokens.Length} tokens of {_size}");
        int keep = Math.Min(request.Keep < 0 ? _size : request.Keep, Shortened / 2);
        return [.. tokens[..keep], .. tokens[^(Shortened - keep)..]];
    }

    private GenerateOptions Limit(GenerateOptions options, int[] tokens)
    {
        int room = _size - tokens.Length;
        return options with { MaxTokens = options.MaxTokens < 0 ? room : Math.Min(options.MaxTokens, room) };
    }
}
