namespace Edge.Llm.Cli.Serve.Models;

/// <summary>A model in memory: its context, whose thread runs all requests together, and how its conversations are written.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly ContextOptions _options;
    private readonly LanguageModel? _draft;
    private readonly SemaphoreSlim _embedding = new(1);
    private Context? _embedder; // texts to embed take turns in a context of their own: the other one's thread has no gaps for them

    public LoadedModel(string name, LanguageModel model, ContextOptions options, ChatTemplate? template, IReadOnlyList<string> stop,
        IReadOnlyList<AdapterScale> adapters, LanguageModel? draft)
    {
        (Name, Model, Stop, Adapters, _options, _draft) = (name, model, stop, adapters, options, draft);
        Context = model.CreateContext(options, draft);
        Chat = template is null ? null : new ChatFormat(template, model.Tokenizer);
        Template = template;
        if (model.HasLogits) Context.StartThread();
        else _embedder = Context;
    }

    /// <summary>What clients call it.</summary>
    public string Name { get; }

    public LanguageModel Model { get; }

    public Tokenizer Tokenizer => Model.Tokenizer;

    public Context Context { get; }

    /// <summary>The answers under way.</summary>
    public RunningAnswers Running { get; } = new();

    /// <summary>How conversations become prompts; null: the model has none.</summary>
    public ChatFormat? Chat { get; }

    public ChatTemplate? Template { get; }

    /// <summary>Texts that end each answer of a conversation.</summary>
    public IReadOnlyList<string> Stop { get; }

    /// <summary>The adapters that were loaded with it; requests name them by number.</summary>
    public IReadOnlyList<AdapterScale> Adapters { get; }

    /// <summary>How conversations become prompts.</summary>
    /// <exception cref="ApiException">The model is not made for them.</exception>
    public ChatFormat RequireChat() => Chat ?? throw NoTexts();

    /// <summary>The context that generates.</summary>
    /// <exception cref="ApiException">The model does not generate.</exception>
    public Context RequireTexts() => Model.HasLogits ? Context : throw NoTexts();

    /// <summary>Does something in the context for texts to embed, one at a time.</summary>
    public async Task<T> EmbedAsync<T>(Func<Context, T> work, CancellationToken cancellation)
    {
        await _embedding.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            _embedder ??= Model.CreateContext(_options with { MaxSequences = 1, LogitsRows = 1, Lookup = false, DraftTokens = 0, PromptCache = null });
            Context context = _embedder;
            return await Task.Run(() => work(context), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _embedding.Release();
        }
    }

    private ApiException NoTexts() => new(400, $"the model '{Name}' makes vectors or scores, not texts", "model", "model_not_supported");

    public void Dispose()
    {
        Context.Dispose();
        _embedder?.Dispose(); // maybe the same one: it can be disposed of twice
        _draft?.Dispose();
        Model.Dispose();
        _embedding.Dispose();
    }
}
