using Edge.Llm.Cli.Serve;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>A server with models that say what a script says: one that reasons, answers and calls, and one that fails on the way. The small model
/// is there as well.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private const string Template = "{# <tool_call> tool_calls <think> #}{% for m in messages %}{{ m.role[0] }}{{ m.content }}{{ m.reasoning_content }}"
        + "{% for call in m.tool_calls %}{{ call.function.name }}{{ call.id }}{% endfor %}{% endfor %}{% if enable_thinking %}+{% endif %} one";

    private static readonly string[] s_words = ["▁one", "<think>", "hm", "so", "</think>", "Hi", "Ho", "<tool_call>"];

    private readonly ScriptedModel[] _files;

    private ScriptedServer(TestServer server, ScriptedModel[] files) => (Server, _files) = (server, files);

    public TestServer Server { get; }

    public static async Task<ScriptedServer> StartAsync(ServerOptions? options = null)
    {
        ScriptedModel talks = Model(-1, "<think>", "hm", "so", "</think>", "Hi", "Ho", "<tool_call>"), fails = Model(Token("Ho"), "<think>", "hm", "</think>", "Hi", "Ho");
        TestServer server = await TestServer.StartAsync(options, TestServer.Small(), TestServer.Of("scripted", talks.File), TestServer.Of("failing", fails.File));
        return new ScriptedServer(server, [talks, fails]);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        foreach (ScriptedModel file in _files) file.Dispose();
    }

    private static ScriptedModel Model(int poison, params string[] script) => new(s_words, [.. script.Prepend("▁one").Select(Token)], Template, poison: poison);

    private static int Token(string word) => ScriptedModel.FirstWord + Array.IndexOf(s_words, word);
}
