using Edge.Llm.Cli.Chat;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>A server on a free port of this machine, in this process, with the small built-in model unless a test brings others.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly Server _server;

    private TestServer(Server server)
    {
        _server = server;
        Client = new HttpClient { BaseAddress = new Uri(server.Address), Timeout = TimeSpan.FromMinutes(2) };
    }

    /// <summary>A client that knows where it is.</summary>
    public HttpClient Client { get; }

    public Uri Address => Client.BaseAddress!;

    public ModelPool Models => _server.Models;

    public static async Task<TestServer> StartAsync(ServerOptions? options = null, params ModelSource[] models)
    {
        options ??= new ServerOptions();
        var server = new Server(options with { Port = 0, Quiet = true }, models.Length > 0 ? models : [Small(options.Parallel)]);
        await server.StartAsync();
        return new TestServer(server);
    }

    /// <summary>The small built-in model.</summary>
    public static ModelSource Small(int parallel = 4, string name = "small", ContextOptions? options = null) => Of(name, ShippedModel.Path("edge-llm-small.gguf"), parallel, options);

    /// <summary>A model of a file, whose conversations are written as its template or, without one, ChatML says.</summary>
    public static ModelSource Of(string name, string file, int parallel = 4, ContextOptions? options = null) => new(name, file, () =>
    {
        var model = LanguageModel.Open(file);
        ChatTemplate? template = !model.HasLogits ? null
            : ChatTemplate.TryFromGguf(model.File.Metadata, model.Tokenizer.Vocabulary) ?? ChatTemplates.Choose("chatml", model, model.Tokenizer).Template;
        return new LoadedModel(name, model, (options ?? new ContextOptions { Threads = 1 }) with { MaxSequences = parallel }, template, [], [], null);
    });

    /// <summary>Tells it to stop, and waits until it has.</summary>
    public Task StopAsync() => _server.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
    }
}
