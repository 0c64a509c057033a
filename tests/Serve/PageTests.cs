using System.ComponentModel;
using System.Diagnostics;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>The web page, in a browser against the server, and its modules that need no browser.</summary>
[TestClass]
public sealed class PageTests
{
    private const int BytesAtMost = 90_000;

    /// <summary>Pictures of the steps are in artifacts/page.</summary>
    [TestMethod]
    public async Task EveryStepInTheBrowserIsDone()
    {
        string playwright = Settings.Playwright();
        if (!File.Exists(Settings.Chromium)) Assert.Inconclusive($"{Settings.Chromium} is not there: EDGE_LLM_CHROMIUM names the browser");
        TestServer server = await TestServer.StartAsync(new ServerOptions { HasPage = true }, TestServer.Small(), TestServer.Of("draft", ShippedModel.Path("edge-llm-draft.gguf")));
        await using var serving = server.ConfigureAwait(false);
        string pictures = Path.Combine(RepositoryFiles.Root(), "artifacts", "page");
        string output = await NodeAsync(Script("page.mjs"), Path.GetFullPath(playwright), server.Address.ToString().TrimEnd('/'), pictures);
        string[] steps = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.AreEqual("", string.Join('\n', steps.Where(line => !line.StartsWith("ok ", StringComparison.Ordinal))));
        Assert.IsGreaterThan(20, steps.Length);
    }

    [TestMethod]
    public async Task TheModulesPassTheirTests()
    {
        string output = await NodeAsync("--test", "--test-reporter=tap", Script("modules.mjs"));
        Assert.IsTrue(output.Contains("\n# fail 0\n") && !output.Contains("\n# pass 0\n"), output);
    }

    [TestMethod]
    public async Task TheFilesAreServedWithoutAKeyAndRunNothingElse()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { HasPage = true, ApiKeys = ["secret"] });
        await using var serving = server.ConfigureAwait(false);
        server.Client.DefaultRequestHeaders.Add("Accept", "text/html");
        string folder = Path.Combine(RepositoryFiles.Root(), "tools", "edge-llm", "Serve", "Page");
        int total = 0;
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            string name = Path.GetFileName(file);
            using HttpResponseMessage response = await server.Client.GetAsync(name == "index.html" ? "/" : name);
            Assert.AreEqual(200, (int)response.StatusCode, name);
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", response.Headers.GetValues("Content-Security-Policy").Single());
            Assert.AreEqual("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
            byte[] bytes = await response.Content.ReadAsByteArrayAsync();
            CollectionAssert.AreEqual(await File.ReadAllBytesAsync(file), bytes, name);
            total += bytes.Length;
        }
        Assert.IsLessThan(BytesAtMost, total);
    }

    [TestMethod]
    public async Task ThePageCanBeLeftOut()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { HasPage = false });
        await using var serving = server.ConfigureAwait(false);
        using HttpResponseMessage response = await server.Client.GetAsync("main.js");
        Assert.AreEqual(404, (int)response.StatusCode);
    }

    private static string Script(string name) => Path.Combine(RepositoryFiles.Root(), "tests", "Serve", name);

    private static async Task<string> NodeAsync(params string[] arguments)
    {
        Process node;
        try
        {
            node = Process.Start(new ProcessStartInfo("node", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (Win32Exception)
        {
            Assert.Inconclusive("node is not installed");
            throw;
        }
        using (node)
        {
            Task<string> output = node.StandardOutput.ReadToEndAsync(), errors = node.StandardError.ReadToEndAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
            try
            {
                await node.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                node.Kill(entireProcessTree: true);
                throw;
            }
            return await output + await errors;
        }
    }
}
