using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.AI;
using Message = Microsoft.Extensions.AI.ChatMessage;

namespace Edge.Llm.Extensions.AI;

/// <summary>A model behind <see cref="IChatClient"/>. Requests are answered one after the other, each on a thread of the pool; what a
/// conversation has in common with the one before is not computed again.</summary>
public sealed class EdgeLlmChatClient : IChatClient
{
    private readonly LanguageModel _model;
    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate _template;
    private readonly InferenceContext _context;
    private readonly Session _session;
    private readonly SemaphoreSlim _turn = new(1, 1);
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
        _tokenizer = Tokenizer.FromGguf(model.File.Metadata);
        _template = template ?? ChatTemplate.FromGguf(model.File.Metadata, _tokenizer.Vocabulary);
        _context = model.CreateContext(options);
        _session = new Session(_context, _tokenizer);
        _metadata = new ChatClientMetadata("edge-llm", null, model.File.Metadata.GetString("general.name", model.Architecture));
    }

    /// <inheritdoc/>
    /// <exception cref="EdgeLlmException">Unsupported: tools, a JSON response format, or content that is not text; ContextFull: the conversation
    /// does not fit; InvalidArgument.</exception>
    public Task<ChatResponse> GetResponseAsync(IEnumerable<Message> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="EdgeLlmException">As <see cref="GetResponseAsync"/>.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<Message> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        GenerateOptions generate = Requests.Options(options);
        int[] prompt = _template.Render(Requests.Turns(messages, options)).Encode(_tokenizer);
        string id = Guid.NewGuid().ToString("N");
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Computing blocks; a reader that stops asking ends it.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Channel<GeneratedToken> steps = Channel.CreateUnbounded<GeneratedToken>();
            Task work = Task.Run(() => Generate(prompt, generate, steps.Writer, stop.Token), CancellationToken.None);
            try
            {
                await foreach (GeneratedToken step in steps.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                {
                    if (step.Text.Length > 0) yield return Update(id, new TextContent(step.Text));
                    if (step.Finish is not { } finish) continue;
                    cancellationToken.ThrowIfCancellationRequested();
                    ChatResponseUpdate last = Update(id, new UsageContent(Requests.Usage(_session.Statistics)));
                    last.FinishReason = finish == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;
                    yield return last;
                }
            }
            finally
            {
                await stop.CancelAsync().ConfigureAwait(false);
                await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            _turn.Release();
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

    /// <summary>Frees the cache and ends the threads. A request under way fails, and so does this while one is being computed.</summary>
    /// <exception cref="EdgeLlmException">Busy: a request is being computed; nothing is freed.</exception>
    public void Dispose()
    {
        _context.Dispose();
        _session.Dispose(); // and not the turn: requests that wait for it would wait for ever
    }

    private void Generate(int[] prompt, GenerateOptions options, ChannelWriter<GeneratedToken> steps, CancellationToken cancellation)
    {
        try
        {
            foreach (GeneratedToken step in _session.Generate(prompt, options, cancellation)) steps.TryWrite(step);
            steps.Complete();
        }
        catch (Exception e)
        {
            steps.Complete(e); // the reader throws it
        }
    }

    private ChatResponseUpdate Update(string id, AIContent content) => new(ChatRole.Assistant, [content])
    {
        ResponseId = id, MessageId = id, ModelId = _metadata.DefaultModelId, CreatedAt = DateTimeOffset.UtcNow,
    };
}
