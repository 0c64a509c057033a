namespace Edge.Llm.Tests.Support;

/// <summary>A model of tools/edge-llm/models, ready to be asked.</summary>
internal sealed class ShippedModel : IDisposable
{
    private readonly LanguageModel _model;

    public ShippedModel(string name, KvType cache = KvType.F16)
    {
        _model = LanguageModel.Open(Path(name));
        Context = _model.CreateContext(new ContextOptions { ContextSize = 1024, LogitsRows = 512, TypeK = cache, TypeV = cache });
    }

    public Context Context { get; }

    public Tokenizer Tokenizer => _model.Tokenizer;

    public static string Path(string name) => System.IO.Path.Combine(RepositoryFiles.Root(), "tools", "edge-llm", "models", name);

    /// <summary>The greedy answer to one question.</summary>
    public string Ask(string question)
    {
        using var chat = new Conversation(Context);
        return string.Concat(chat.Ask(question, new GenerateOptions { Sampling = new SamplingOptions { Temperature = 0 }, MaxTokens = 200 }).Select(step => step.Text));
    }

    public void Dispose()
    {
        Context.Dispose();
        _model.Dispose();
    }
}
