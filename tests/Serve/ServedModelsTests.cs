using System.Text.Json;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>Which models a server offers, when they are in memory, and what is told of them.</summary>
[TestClass]
public sealed class ServedModelsTests
{
    private const string Ask = """{"messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":8,"temperature":0}""";

    [TestMethod]
    public async Task ModelsAreLoadedWhenNeededAndUnloadedWhenIdle()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { IdleUnload = TimeSpan.FromSeconds(1) },
            TestServer.Small(), TestServer.Of("draft", ShippedModel.Path("edge-llm-draft.gguf")));
        await using var serving = server.ConfigureAwait(false);
        Assert.IsTrue(server.Models.Slots.All(slot => slot.Loaded is null));
        string first = await TextAsync(server, Ask[..^1] + ""","model":"draft"}""");
        Assert.IsNull(server.Models.Slots[0].Loaded);
        Assert.IsNotNull(server.Models.Slots[1].Loaded);
        for (int i = 0; i < 1000 && server.Models.Slots[1].Loaded is not null; i++) await Task.Delay(10);
        Assert.IsNull(server.Models.Slots[1].Loaded, "it is idle");
        Assert.AreEqual(first, await TextAsync(server, Ask[..^1] + ""","model":"draft:latest"}"""));
        await server.Client.RefusedAsync(404, "/v1/chat/completions", Ask[..^1] + ""","model":"other"}""", "'other' does not exist");
    }

    [TestMethod]
    public async Task AnyNameCanMeanTheFirstModel()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { AnyModel = true });
        await using var serving = server.ConfigureAwait(false);
        Assert.AreEqual("small", (await server.Client.PostAsync("/v1/chat/completions", Ask[..^1] + ""","model":"gpt-5"}""")).GetProperty("model").GetString());
    }

    [TestMethod]
    public async Task AModelThatCannotBeOpenedIsAnErrorOfItsRequests()
    {
        string file = System.IO.Path.Combine(RepositoryFiles.Root(), "README.md");
        TestServer server = await TestServer.StartAsync(null, TestServer.Small(), TestServer.Of("broken", file));
        await using var serving = server.ConfigureAwait(false);
        JsonElement error = await server.Client.RefusedAsync(500, "/v1/chat/completions", Ask[..^1] + ""","model":"broken"}""",
            "the model 'broken' cannot be loaded: at offset 0: not a GGUF file");
        Assert.AreEqual("model_not_loadable", error.GetProperty("code").GetString());
        Assert.DoesNotContain("README", error.GetRawText());
        await TextAsync(server, Ask);
    }

    [TestMethod]
    [DataRow("/m/x.gguf: at offset 0: not a GGUF file", "at offset 0: not a GGUF file")]
    [DataRow("cannot open /m/x.gguf: no such file", "cannot open chat: no such file")]
    [DataRow("/m/x.gguf: tensor blk.0.attn_q.weight: expected 2 rows, found 3", "tensor blk.0.attn_q.weight: expected 2 rows, found 3")]
    [DataRow("adapter.gguf: at offset 0: not a GGUF file", null)]
    [DataRow("Adapter.GGUF: missing tensor x", null)]
    [DataRow("/m/adapter: at offset 0: not a GGUF file", null)]
    [DataRow("C:\\m\\adapter: at offset 0: not a GGUF file", null)]
    [DataRow("cannot open adapter: no such file", null)]
    [DataRow("cannot read template.jinja: no such file", null)]
    [DataRow("/m/x.gguf: architecture 'mmproj' is not supported", "architecture 'mmproj' is not supported")]
    [DataRow("/m/x-00001-of-00002.gguf: part x-00002-of-00002.gguf is missing", null)]
    public void ClientsAreToldNoFileNames(string message, string? told)
    {
        var source = new ModelSource("chat", "/m/x.gguf", () => throw new AssertFailedException());
        string expected = $"the model 'chat' cannot be loaded: {told ?? "the server's log has more"}";
        Assert.AreEqual(expected, source.CannotOpen(new EdgeLlmException(ErrorCode.InvalidFile, message)).Message);
        Assert.EndsWith("the server's log has more", source.CannotOpen(new IOException(message)).Message);
    }

    [TestMethod]
    public void AFileThatIsThereIsNotNamed()
    {
        string? file = Directory.EnumerateFiles(Environment.CurrentDirectory).Select(System.IO.Path.GetFileName)
            .FirstOrDefault(name => name!.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-'));
        if (file is null) Assert.Inconclusive("the current folder has no files");
        var source = new ModelSource("chat", "/m/x", () => throw new AssertFailedException());
        string told = source.CannotOpen(new EdgeLlmException(ErrorCode.InvalidFile, $"{file}: at offset 0: not a GGUF file")).Message;
        Assert.EndsWith("the server's log has more", told);
    }

    [TestMethod]
    public async Task AModelOutOfMemoryIsShownWithoutOpeningItEachTime()
    {
        string file = System.IO.Path.GetTempFileName();
        try
        {
            File.Copy(ShippedModel.Path("edge-llm-small.gguf"), file, overwrite: true);
            TestServer server = await TestServer.StartAsync(null, TestServer.Small(), TestServer.Of("other", file));
            await using var serving = server.ConfigureAwait(false);
            string shown = (await server.Client.PostAsync("/api/show", """{"model":"other"}""")).GetRawText();
            DateTime time = File.GetLastWriteTimeUtc(file);
            File.WriteAllText(file, "no model");
            File.SetLastWriteTimeUtc(file, time);
            Assert.AreEqual(shown, (await server.Client.PostAsync("/api/show", """{"model":"other"}""")).GetRawText());
            File.SetLastWriteTimeUtc(file, time.AddMinutes(1));
            using HttpResponseMessage response = await server.Client.PostAsync("/api/show", ServeAssert.Json("""{"model":"other"}"""));
            Assert.AreEqual(500, (int)response.StatusCode);
            string error = await response.Content.ReadAsStringAsync();
            Assert.Contains("the model 'other' cannot be loaded: ", error);
            Assert.DoesNotContain(file, error);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<string> TextAsync(TestServer server, string body) =>
        (await server.Client.PostAsync("/v1/chat/completions", body)).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
}
