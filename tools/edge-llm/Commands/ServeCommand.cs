using System.CommandLine;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Operations;

namespace Edge.Llm.Cli.Commands;

/// <summary>Serves models over HTTP.</summary>
internal static class ServeCommand
{
    public static Command Make()
    {
        var command = new CommandWithExamples("serve", "Serves models over HTTP, as OpenAI, Ollama, Anthropic and llama.cpp have it, with a web page at /.",
            "-m model.gguf", "-m model.gguf --alias small --port 8081 --parallel 8", "-m chat=chat.gguf -m embed=embed.gguf --idle-unload 300",
            "-m model.gguf --host 0.0.0.0 --api-key-file keys.txt --tls-cert cert.pem --tls-key key.pem") { Notes = LimitsTable() };
        ServedModelsBinding models = new ServedModelsBinding().AddTo(command);
        ServerOptionsBinding server = new ServerOptionsBinding().AddTo(command);
        command.SetAction(parsed =>
        {
            ServerOptions options = server.Get(parsed);
            return RunAsync(options, models.Get(parsed, options.Parallel, new RequestLog(options).Say)).GetAwaiter().GetResult();
        });
        return command;
    }

    private static async Task<int> RunAsync(ServerOptions options, IReadOnlyList<ModelSource> models)
    {
        using var interrupts = new Interrupts();
        var server = new Server(options, models);
        await using var _ = server.ConfigureAwait(false);
        await server.StartAsync().ConfigureAwait(false);
        server.Log.Say($"listening at {server.Address}");
        if (options.ApiKeys.Count == 0 && options.UnixSocket is null && !Origins.IsLoopback(options.Host))
            server.Log.Say("anybody who reaches this address can use the server: --api-key-file gives it keys");
        try
        {
            using ModelLease first = await server.Models.AcquireAsync(null, interrupts.Token).ConfigureAwait(false);
            server.Log.Say($"'{first.Model.Name}' is ready");
        }
        catch (OperationCanceledException)
        {
            return Failure.Interrupted;
        }
        await Task.Delay(Timeout.Infinite, interrupts.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        server.Log.Say("stopping: answers under way may end; a second signal stops at once");
        await server.StopAsync().ConfigureAwait(false);
        return Failure.Ok;
    }

    private static string LimitsTable()
    {
        int width = Limits.Table.Max(limit => limit.What.Length);
        return "Limits of a request:\n" + string.Join('\n', Limits.Table.Select(limit => $"  {limit.What.PadRight(width)}  {limit.Most}"));
    }
}
