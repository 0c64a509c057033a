using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.AI;
using Message = Microsoft.Extensions.AI.ChatMessage;

namespace Edge.Llm.Extensions.AI;

/// <summary>A model behind <see cref="IChatClient"/>. Up to <see cref="ContextOptions.MaxSequences"/> requests are answered at a time, each on
/// a thread of the pool, in shared forward passes; what a conversation has in common with an earlier one is not computed again.</summary>
public sealed class EdgeLlmChatClient : IChatClient
{
    private readonly LanguageModel _model;
    private readonly ChatFormat _format;
    private readonly Context _context;
    private readonly List<Sequence> _idle = []; // conversations that no request goes on with
    private readonly SemaphoreSlim _turns;
    private readonly ChatClientMetadata _metadata;

    /// <summary>Answers with a model, which stays the caller's and must outlive this.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Context size, threads, cache types.</param>
    /// <param name="template">How conversations become prompts; null: the model's own chat template.</param>
    /// <exception cref="EdgeLlmException">Unsupported: the model has no chat template and none is given; OutOfMemory, InvalidArgument, InvalidFile.</exception>
    public EdgeLlmChatClient(LanguageModel model, ContextOptions? options = null, ChatTemplate? template = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _format = new ChatFormat(template ?? model.ChatTemplate, model.Tokenizer);
        _context = model.CreateContext(options);
        for (int i = 0; i < _context.Options.MaxSequences; i++) _idle.Add(_context.NewSequence());
        _turns = new SemaphoreSlim(_context.Options.MaxSequences);
        _metadata = new ChatClientMetadata("edge-llm", null, model.File.Metadata.GetString("general.name", model.Architecture));
    }

    /// <inheritdoc/>
    /// <exception cref="EdgeLlmException">Unsupported: tools that are no functions, or content that is no text, call or result; GrammarError: a JSON schema; ContextFull: the conversation
    /// does not fit; InvalidArgument.</exception>
    public Task<ChatResponse> GetResponseAsync(IEnumerable<Message> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="EdgeLlmException">As <see cref="GetResponseAsync"/>.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<Message> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatPrompt prompt = _format.Prepare(Requests.Turns(messages, options), Requests.Answer(options), Requests.Options(options));
        string id = Guid.NewGuid().ToString("N");
        await _turns.WaitAsync(cancellationToken).ConfigureAwait(false);
        // A reader that stops asking ends the work. One that is slow, or waits for another answer of this client, does not hold it up.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Generation generation = Begin([.. prompt.Tokens], prompt.Options, stop.Token, out Sequence sequence);
        AnswerScanner scanner = prompt.NewScanner(generation.Statistics.Seed);
        var answer = new ChatAnswer();
        Channel<GeneratedToken> steps = Channel.CreateUnbounded<GeneratedToken>();
        Task work = Task.Run(() => Read(generation, sequence, steps.Writer), CancellationToken.None);
        try
        {
            await foreach (GeneratedToken step in steps.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                AnswerDelta[] deltas = step.Finish is null ? [.. scanner.Append(step.Text)] : [.. scanner.Append(step.Text), .. scanner.Finish()];
                foreach (AnswerDelta delta in deltas)
                {
                    answer.Add([delta]);
                    if (Contents.Of(delta, answer) is { } content) yield return Update(id, content);
                }
                if (step.Finish is not { } finish) continue;
                cancellationToken.ThrowIfCancellationRequested();
                ChatResponseUpdate last = Update(id, new UsageContent(Requests.Usage(generation.Statistics)));
                last.FinishReason = finish == FinishReason.Length ? ChatFinishReason.Length
                    : answer.Calls.Count > 0 ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;
                yield return last;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        return serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType == typeof(LanguageModel) ? _model
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Frees the cache and ends the threads, once a pass under way has ended. Requests under way fail.</summary>
    public void Dispose() => _context.Dispose(); // and not the turns: requests that wait for one would never end

    // The idle conversation that has most in common with a prompt, the one that was idle longest among equals.
    private Sequence Nearest(int[] prompt)
    {
        lock (_idle)
        {
            Sequence nearest = _idle.MaxBy(sequence => sequence.Tokens.CommonPrefixLength(prompt))!;
            _idle.Remove(nearest);
            return nearest;
        }
    }

    private Generation Begin(int[] prompt, GenerateOptions options, CancellationToken cancellation, out Sequence sequence)
    {
        sequence = Nearest(prompt);
        try
        {
            return _context.Generate(prompt, options, sequence, cancellation);
        }
        catch
        {
            EndTurn(sequence);
            throw;
        }
    }

    private void EndTurn(Sequence sequence)
    {
        lock (_idle) _idle.Add(sequence);
        _turns.Release();
    }

    private void Read(Generation generation, Sequence sequence, ChannelWriter<GeneratedToken> steps)
    {
        Exception? error = null; // which the reader throws
        try
        {
            foreach (GeneratedToken step in generation) steps.TryWrite(step);
        }
        catch (Exception e)
        {
            error = e;
        }
        EndTurn(sequence);
        steps.Complete(error);
    }

    private ChatResponseUpdate Update(string id, AIContent content) => new(ChatRole.Assistant, [content])
    {
        ResponseId = id, MessageId = id, ModelId = _metadata.DefaultModelId, CreatedAt = DateTimeOffset.UtcNow,
    };
}
