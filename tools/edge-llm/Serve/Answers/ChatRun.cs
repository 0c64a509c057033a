using System.Runtime.CompilerServices;
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

/// <summary>The answers to a conversation under way, taken apart into text, reasoning and calls.</summary>
internal sealed class ChatRun : IDisposable
{
    private readonly ChatPrompt _prompt;
    private readonly AnswerStream _stream;
    private readonly AnswerScanner[] _scanners;
    private readonly int[] _reasoningTokens, _calls;

    /// <summary>Begins the answers.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, GrammarError.</exception>
    public ChatRun(LoadedModel model, ChatRequest request, CancellationToken cancellation)
    {
        _prompt = PromptOf(model, request);
        _stream = new AnswerStream(model, _prompt.Tokens, _prompt.Options, request.Choices, cancellation);
        _scanners = [.. Enumerable.Range(0, request.Choices).Select(i => _prompt.NewScanner(_stream.Statistics(i).Seed + (ulong)i))];
        _reasoningTokens = new int[request.Choices];
        _calls = new int[request.Choices];
    }

    /// <summary>What a model reads before it answers.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static ChatPrompt PromptOf(LoadedModel model, ChatRequest request) =>
        model.RequireChat().Prepare(request.Messages, request.Answer, request.Generate with { Stop = [.. request.Generate.Stop, .. model.Stop] });

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
            AnswerScanner scanner = _scanners[choice];
            AnswerDelta[] deltas = item.Finish is null ? [.. scanner.Append(item.Text)] : [.. scanner.Append(item.Text), .. scanner.Finish()];
            if (item.Finish is null && deltas.Any(delta => delta.Part == AnswerPart.Reasoning)) _reasoningTokens[choice]++;
            _calls[choice] += deltas.Count(delta => delta.Part == AnswerPart.CallEnd);
            yield return new ChatPiece(choice, deltas, item);
        }
    }

    public void Dispose() => _stream.Dispose();
}
