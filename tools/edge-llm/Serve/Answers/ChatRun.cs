using System.Runtime.CompilerServices;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;

namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>What one step adds to an answer of a conversation.</summary>
/// <param name="Choice">The answer's number.</param>
/// <param name="Deltas">Its new parts; none while something is held back.</param>
/// <param name="Item">The token they follow from.</param>
internal readonly record struct ChatPiece(int Choice, IReadOnlyList<AnswerDelta> Deltas, GeneratedToken Item)
{
    /// <summary>Why this is the answer's last piece, or null.</summary>
    public FinishReason? Finish => Item.Finish;
}

/// <summary>Answers under way: those to a conversation, taken apart into text, reasoning and calls, or the text that goes on with a prompt.</summary>
internal sealed class ChatRun : IDisposable
{
    private readonly AnswerStream _stream;
    private readonly AnswerScanner[] _scanners; // none: all is text
    private readonly int[] _reasoningTokens, _calls;

    /// <summary>Begins the answers to a conversation.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, GrammarError.</exception>
    public ChatRun(LoadedModel model, ChatRequest request, RequestContext context)
    {
        ChatPrompt prompt = PromptOf(model, request);
        _stream = new AnswerStream(model, prompt.Tokens, prompt.Options, request.Choices, context);
        _scanners = [.. Enumerable.Range(0, request.Choices).Select(i => prompt.NewScanner(_stream.Statistics(i).Seed + (ulong)i))];
        _reasoningTokens = new int[request.Choices];
        _calls = new int[request.Choices];
    }

    /// <summary>Begins one answer behind tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="prompt">The conversation that they are of; null: all that follows is text.</param>
    /// <param name="context">The request.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, GrammarError.</exception>
    public ChatRun(LoadedModel model, IReadOnlyList<int> tokens, GenerateOptions options, ChatPrompt? prompt, RequestContext context)
    {
        _stream = new AnswerStream(model, tokens, options, 1, context);
        _scanners = prompt is null ? [] : [prompt.NewScanner(_stream.Statistics(0).Seed)];
        _reasoningTokens = [0];
        _calls = [0];
    }

    /// <summary>A conversation made ready to be answered.</summary>
    public static ChatPrompt PromptOf(LoadedModel model, ChatRequest request) => model.RequireChat().Prepare(
        request.Messages, request.Answer, request.Generate with { Stop = [.. request.Generate.Stop, .. model.Stop] });

    public int Choices => _stream.Count;

    public GenerationStatistics Statistics(int choice) => _stream.Statistics(choice);

    /// <summary>Tokens of an answer that the model wrote to itself.</summary>
    public int ReasoningTokens(int choice) => _reasoningTokens[choice];

    /// <summary>Whether an answer holds calls that are complete.</summary>
    public bool HasCalls(int choice) => _calls[choice] > 0;

    /// <summary>The pieces of all answers as they come.</summary>
    public async IAsyncEnumerable<ChatPiece> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach ((int choice, GeneratedToken item) in _stream.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            AnswerDelta[] deltas = Deltas(choice, item);
            if (item.Finish is null && deltas.Any(delta => delta.Part == AnswerPart.Reasoning)) _reasoningTokens[choice]++;
            _calls[choice] += deltas.Count(delta => delta.Part == AnswerPart.CallEnd);
            yield return new ChatPiece(choice, deltas, item);
        }
    }

    public void Dispose() => _stream.Dispose();

    private AnswerDelta[] Deltas(int choice, GeneratedToken item)
    {
        if (_scanners.Length == 0) return item.Text.Length > 0 ? [new AnswerDelta(AnswerPart.Content, item.Text)] : [];
        AnswerScanner scanner = _scanners[choice];
        return item.Finish is null ? [.. scanner.Append(item.Text)] : [.. scanner.Append(item.Text), .. scanner.Finish()];
    }
}
