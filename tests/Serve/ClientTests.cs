using System.Diagnostics;
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

    // Modules are looked for beside the script: it runs where they were installed.
    private static async Task<string> RunAsync(string folder, string script, Uri server)
    {
        string copy = Path.Combine(Path.GetFullPath(folder), $"{script}-{Guid.NewGuid():N}.mjs");
        File.Copy(Path.Combine(RepositoryFiles.Root(), "tests", "Serve", "clients", script + ".mjs"), copy);
        try
        {
            using Process node = Process.Start(new ProcessStartInfo("node", [copy, server.ToString().TrimEnd('/')]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
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
