namespace Edge.Llm.Tests.Support;

/// <summary>A model of tools/edge-llm/models, ready to be asked.</summary>
internal sealed class ShippedModel : IDisposable
{
    private readonly LanguageModel _model;
    private readonly ChatTemplate _template;

    public ShippedModel(string name, KvType cache = KvType.F16)
    {
        _model = LanguageModel.Open(Path(name));
        Tokenizer = Tokenizer.FromGguf(_model.File.Metadata);
        _template = ChatTemplate.FromGguf(_model.File.Metadata, Tokenizer.Vocabulary);
        Context = _model.CreateContext(new ContextOptions { ContextSize = 1024, LogitsRows = 512, TypeK = cache, TypeV = cache });
    }

    public InferenceContext Context { get; }

    public Tokenizer Tokenizer { get; }

    public static string Path(string name) => System.IO.Path.Combine(RepositoryFiles.Root(), "tools", "edge-llm", "models", name);

    /// <summary>The greedy answer to one question.</summary>
    public string Ask(string question)
    {
        using var session = new Session(Context, Tokenizer);
        var chat = new Conversation(session, Tokenizer, _template);
        return string.Concat(chat.Ask(question, new GenerateOptions { Sampling = new SamplingOptions { Temperature = 0 }, MaxTokens = 200 }).Select(step => step.Text));
    }

    public void Dispose()
    {
        Context.Dispose();
        _model.Dispose();
    }
}
