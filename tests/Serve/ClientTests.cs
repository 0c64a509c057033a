using System.Diagnostics;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>Clients that people use, against the server. What it answers them is as OpenAI describes it.</summary>
[TestClass]
public sealed class ClientTests
{
    [TestMethod]
    [DataRow("openai")]
    [DataRow("ai-sdk")]
    [DataRow("langchain")]
    [DataRow("responses")]
    [DataRow("ai-sdk-responses")]
    [DataRow("agents")]
    [DataRow("anthropic")]
    [DataRow("ollama")]
    public async Task TheClientIsServed(string script)
    {
        string folder = Settings.Clients();
        TestServer server = await TestServer.StartAsync();
        await using var serving = server.ConfigureAwait(false);
        RecordingProxy proxy = await RecordingProxy.StartAsync(server.Address);
        await using var recording = proxy.ConfigureAwait(false);
        Assert.EndsWith("ok\n", await RunAsync(folder, script, proxy.Address));
        Assert.AreNotEqual(0, proxy.Exchanges.Count);
        if (Environment.GetEnvironmentVariable("EDGE_LLM_SHARED") is not null)
            Assert.AreEqual("", string.Join('\n', proxy.Exchanges.SelectMany(OpenAiSchemas.Violations)));
    }

    [TestMethod]
    [DataRow("openai")]
    [DataRow("anthropic")]
    public async Task AClientTriesAgainWhenItIsTold(string client)
    {
        string folder = Settings.Clients();
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 1, Queue = 0 });
        await using var serving = server.ConfigureAwait(false);
        RecordingProxy proxy = await RecordingProxy.StartAsync(server.Address);
        await using var recording = proxy.ConfigureAwait(false);
        Task<string> running;
        using (await server.Models.AcquireAsync(null, CancellationToken.None)) // nobody else has room
        {
            running = RunAsync(folder, "retry", proxy.Address, client);
            while (proxy.Exchanges.IsEmpty && !running.IsCompleted) await Task.Delay(10);
        }
        Assert.EndsWith("ok\n", await running);
        Assert.AreEqual(503, proxy.Exchanges.First().Status);
        Assert.AreEqual(200, proxy.Exchanges.Last().Status);
    }

    // Modules are looked for beside the script: it runs where they were installed.
    private static async Task<string> RunAsync(string folder, string script, Uri server, string argument = "")
    {
        string copy = Path.Combine(Path.GetFullPath(folder), $"{script}-{Guid.NewGuid():N}.mjs");
        File.Copy(Path.Combine(RepositoryFiles.Root(), "tests", "Serve", "clients", script + ".mjs"), copy);
        try
        {
            using Process node = Process.Start(new ProcessStartInfo("node", [copy, server.ToString().TrimEnd('/'), argument]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> output = node.StandardOutput.ReadToEndAsync(), errors = node.StandardError.ReadToEndAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
            await node.WaitForExitAsync(limit.Token);
            return node.ExitCode == 0 ? await output : $"{await output}\n{await errors}";
        }
        finally
        {
            File.Delete(copy);
        }
    }
}
