using System.Text.Json;
using Edge.Llm.Cli;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>Which file of a repository is fetched, and from where.</summary>
[TestClass]
public sealed class HuggingFaceTests : IDisposable
{
    private static readonly byte[] s_model = PullFixture.Model();
    private readonly PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestMethod]
    [DataRow("me/tiny-GGUF", "tiny-Q4_K_M.gguf")]
    [DataRow("me/tiny-GGUF:q8_0", "tiny-Q8_0.gguf")]
    [DataRow("me/tiny-GGUF:Q4_K", "tiny.q4_k.gguf")]
    [DataRow("me/tiny-GGUF:Q4_XS", "sub/tiny-UD-Q4_XS.gguf")]
    [DataRow("me/tiny-GGUF:IQ4_XS", "tiny-IQ4_XS.gguf")]
    [DataRow("me/tiny-GGUF:UD-Q4_XS", "sub/tiny-UD-Q4_XS.gguf")]
    [DataRow("me/tiny-GGUF:BF16", "BF16/weights.gguf")]
    [DataRow("me/tiny-GGUF:Weights.gguf", "BF16/weights.gguf")]
    [DataRow("me/tiny-GGUF:sub/tiny-UD-Q4_XS.gguf", "sub/tiny-UD-Q4_XS.gguf")]
    public void TheQuantChoosesTheFile(string source, string expected)
    {
        using LoopbackServer server = Hub("README.md", "mmproj-tiny-Q4_K_M.gguf", "tiny-imatrix.gguf", "tiny-IQ4_XS.gguf", "tiny-Q2_K.gguf", "tiny.q4_k.gguf", "tiny-Q4_K_M.gguf",
            "tiny-Q8_0.gguf", "sub/tiny-UD-Q4_XS.gguf", "BF16/weights.gguf");
        (StoredModel model, _) = _fixture.Pull(server.Url, "hf:" + source);
        Assert.AreEqual($"/me/tiny-GGUF/resolve/main/{expected}", server.Requests[^1].Path);
        Assert.AreEqual((ModelName.Of(expected), "hf:" + source), (model.Name, model.Record!.Source));
        CollectionAssert.AreEqual(s_model, File.ReadAllBytes(model.Path));
        Assert.AreEqual(model.Path, _fixture.Folder.Find("HF:" + source)!.Path);
    }

    [TestMethod]
    public void WithoutAUsualQuantItIsTheFirstFile()
    {
        using LoopbackServer server = Hub("b.gguf", "a-mmproj.gguf", "a.gguf", "config.json");
        Assert.AreEqual("a", _fixture.Pull(server.Url, "hf:me/tiny-GGUF").Model.Name);
    }

    [TestMethod]
    [DataRow("me/tiny-GGUF:Q5_K_M", "no file for Q5_K_M; there are: a-Q4_K_M.gguf, b.gguf")]
    [DataRow("me/tiny-GGUF:c.gguf", "no file for c.gguf; there are: a-Q4_K_M.gguf, b.gguf")]
    public void AQuantThatIsNotThere(string source, string expected)
    {
        using LoopbackServer server = Hub("a-Q4_K_M.gguf", "b.gguf", "README.md");
        StringAssert.Contains(Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:" + source)).Message, expected);
    }

    [TestMethod]
    public void ARepositoryWithoutModels()
    {
        using LoopbackServer server = Hub("model.safetensors", "README.md");
        StringAssert.Contains(Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:me/tiny-GGUF")).Message, "expected GGUF files, found none");
    }

    [TestMethod]
    [DataRow("../../../etc/passwd-Q8_0.gguf")]
    [DataRow("a/../../b-Q8_0.gguf")]
    [DataRow("..\\..\\b-Q8_0.gguf")]
    [DataRow("/b-Q8_0.gguf")]
    [DataRow("a/\u001b[31m-Q8_0.gguf")]
    public void APathThatClimbsIsNone(string path)
    {
        using LoopbackServer server = Hub(path, "good-Q4_K_M.gguf");
        StringAssert.Contains(Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:me/tiny-GGUF:Q8_0")).Message, "there are: good-Q4_K_M.gguf");
        Assert.HasCount(1, server.Requests);
    }

    [TestMethod]
    public void PathsAreEscaped()
    {
        using LoopbackServer server = Hub("a b/c#d?e%20-Q4_K_M.gguf");
        Assert.AreEqual("c-d-e-20-Q4_K_M", _fixture.Pull(server.Url, "hf:me/tiny-GGUF").Model.Name);
        Assert.AreEqual("/me/tiny-GGUF/resolve/main/a%20b/c%23d%3Fe%2520-Q4_K_M.gguf", server.Requests[^1].Path);
    }

    [TestMethod]
    [DataRow("Q8_0")]
    [DataRow("q/big-Q8_0-00002-of-00002.gguf")]
    public void AllPartsOfASplitModelAreFetched(string quant)
    {
        byte[][] parts = SplitModel.Parts();
        var files = new Dictionary<string, byte[]> { ["q/big-Q8_0-00002-of-00002.gguf"] = parts[1], ["q/big-Q8_0-00001-of-00002.gguf"] = parts[0] };
        using LoopbackServer server = Hub(files);
        (StoredModel model, _) = _fixture.Pull(server.Url, $"hf:me/big:{quant}", name: "mine");
        CollectionAssert.AreEqual(new[] { "mine-00001-of-00002.gguf", "mine-00002-of-00002.gguf", "mine.json" }, _fixture.Files);
        Assert.AreEqual(parts.Sum(part => part.Length), model.Bytes);
        Assert.IsFalse(_fixture.Pull(server.Url, $"hf:me/big:{quant}", name: "mine").Fetched);
        files.Remove("q/big-Q8_0-00002-of-00002.gguf");
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "hf:me/big:Q8_0")).Message, "expected 2 parts, found no q/big-Q8_0-00002-of-00002.gguf");
    }

    [TestMethod]
    public void PartsOfTwoModelsAreNoModel()
    {
        byte[][] parts = SplitModel.Parts();
        using LoopbackServer server = Hub(new Dictionary<string, byte[]> { ["x-00001-of-00002.gguf"] = parts[0], ["x-00002-of-00002.gguf"] = PullFixture.Model() });
        Assert.AreEqual(ErrorCode.InvalidFile, Assert.ThrowsExactly<EdgeLlmException>(() => _fixture.Pull(server.Url, "hf:me/x")).Code);
        Assert.IsEmpty(_fixture.Files);
    }

    [TestMethod]
    public void ALongListComesInPages()
    {
        using var server = new LoopbackServer((request, answer) =>
        {
            if (request.Path.Contains("cursor=2", StringComparison.Ordinal)) answer.Text(Tree(new() { ["b-Q4_K_M.gguf"] = s_model }));
            else if (request.Path.StartsWith("/api", StringComparison.Ordinal))
                answer.Text(Tree(new() { ["a.gguf"] = s_model }), $"Link: <http://{request.Header("Host")}/api/models/me/x/tree/main?cursor=2>; rel=\"next\"");
            else answer.File(request, s_model);
        });
        Assert.AreEqual("b-Q4_K_M", _fixture.Pull(server.Url, "hf:me/x").Model.Name);
    }

    [TestMethod]
    [DataRow("http://127.0.0.2/api")]
    [DataRow("//127.0.0.2/api")]
    [DataRow("file:///etc/passwd")]
    public void AListGoesOnAtItsHostAlone(string next)
    {
        using var server = new LoopbackServer((_, answer) => answer.Text("[]", $"Link: <{next}>; rel=\"next\""));
        PullException error = Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "hf:me/x"));
        StringAssert.Contains(error.Message, "expected the list of files to go on there");
        Assert.HasCount(1, server.Requests);
    }

    [TestMethod]
    public void AListWithoutEndEnds()
    {
        using var server = new LoopbackServer((_, answer) => answer.Text("[]", "Link: </again>; rel=\"next\""));
        Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:me/x"));
        Assert.HasCount(100, server.Requests);
    }

    [TestMethod]
    [DataRow("<html>")]
    [DataRow("{}")]
    [DataRow("[1]")]
    [DataRow("[{\"type\":\"file\",\"path\":null,\"size\":1}]")]
    [DataRow("[{\"type\":\"file\",\"path\":\"a.gguf\",\"size\":\"1\"}]")]
    [DataRow("[{\"type\":\"file\",\"path\":\"a.gguf\"}]")]
    [DataRow("[{\"type\":\"file\",\"path\":\"a.gguf\",\"size\":-5}]")]
    [DataRow("")]
    public void AListThatIsNone(string text)
    {
        using var server = new LoopbackServer((_, answer) => answer.Text(text));
        Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "hf:me/x"));
        Assert.IsEmpty(_fixture.Files);
    }

    [TestMethod]
    public void AFileOfAnotherSizeOrContentIsRefused()
    {
        byte[] other = PullFixture.Model(seed: 2), shorter = PullFixture.Model(100_000);
        byte[] sent = other;
        using var server = new LoopbackServer((request, answer) =>
        {
            if (request.Path.StartsWith("/api", StringComparison.Ordinal)) answer.Text(Tree(new() { ["x.gguf"] = s_model }));
            else answer.File(request, sent);
        });
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "hf:me/x")).Message, $"expected SHA-256 {PullFixture.Hash(s_model)}, found {PullFixture.Hash(other)}");
        sent = shorter;
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "hf:me/x")).Message, $"expected {s_model.Length} bytes, found {shorter.Length}");
        Assert.IsEmpty(_fixture.Folder.All());
        sent = s_model;
        Assert.IsTrue(_fixture.Pull(server.Url, "hf:me/x").Fetched);
    }

    [TestMethod]
    public void WhatIsThereIsNotFetched()
    {
        var files = new Dictionary<string, byte[]> { ["x-Q4_K_M.gguf"] = s_model };
        using LoopbackServer server = Hub(files);
        Assert.IsTrue(_fixture.Pull(server.Url, "hf:me/x").Fetched);
        int before = server.Requests.Length;
        Assert.IsFalse(_fixture.Pull(server.Url, "hf:me/x:q4_k_m").Fetched);
        Assert.HasCount(before + 1, server.Requests); // the list
        files["x-Q4_K_M.gguf"] = PullFixture.Model(seed: 3);
        Assert.IsTrue(_fixture.Pull(server.Url, "hf:me/x:Q4_K_M").Fetched); // a newer one of the same repository
        CollectionAssert.AreEqual(files["x-Q4_K_M.gguf"], File.ReadAllBytes(_fixture.Folder.Find("x-Q4_K_M")!.Path));
        files["x-Q4_K_M.gguf"] = s_model;
        UsageException error = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:you/x"));
        StringAssert.Contains(error.Message, "there is a model x-Q4_K_M already, from hf:me/x:Q4_K_M");
        Assert.IsTrue(_fixture.Pull(server.Url, "hf:you/x", name: "yours").Fetched);
    }

    [TestMethod]
    public void ACopyByHandIsTaken()
    {
        using LoopbackServer server = Hub("x-Q4_K_M.gguf");
        string path = Path.Combine(_fixture.Folder.Path, "x-Q4_K_M.gguf");
        File.WriteAllBytes(path, s_model);
        (StoredModel model, bool fetched) = _fixture.Pull(server.Url, "hf:me/x");
        Assert.AreEqual((false, "hf:me/x"), (fetched, model.Record!.Source));
        File.Delete(_fixture.Folder.RecordPath("x-Q4_K_M"));
        File.WriteAllBytes(path, PullFixture.Model(seed: 2));
        StringAssert.Contains(Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:me/x")).Message, "of unknown origin");
    }

    [TestMethod]
    public void TheTokenIsSent()
    {
        using var server = new LoopbackServer((request, answer) =>
        {
            if (request.Header("Authorization") != "Bearer hf_secret") answer.Status(401);
            else if (request.Path.StartsWith("/api", StringComparison.Ordinal)) answer.Text(Tree(new() { ["x.gguf"] = s_model }));
            else answer.File(request, s_model);
        });
        Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "hf:me/x"));
        Assert.IsTrue(_fixture.Pull(server.Url, "hf:me/x", token: " hf_secret\n").Fetched);
    }

    [TestMethod]
    [DataRow("me/x", "hf:me/x")]
    [DataRow("me/x/tree/main", "hf:me/x")]
    [DataRow("me/x/blob/main/x-Q4_K_M.gguf", "URL")]
    public void APageOfTheSiteIsItsRepositoryOrFile(string page, string expected)
    {
        using LoopbackServer server = Hub("x-Q4_K_M.gguf");
        (StoredModel model, _) = _fixture.Pull(server.Url, server.Url + page);
        Assert.AreEqual(expected == "URL" ? $"{server.Url}me/x/resolve/main/x-Q4_K_M.gguf" : expected, model.Record!.Source);
    }

    private static LoopbackServer Hub(params string[] files) => Hub(files.ToDictionary(file => file, _ => s_model));

    private static LoopbackServer Hub(Dictionary<string, byte[]> files) => new((request, answer) =>
    {
        string path = Uri.UnescapeDataString(request.Path.Split("/main/", 2)[^1]);
        if (request.Path.StartsWith("/api/models/", StringComparison.Ordinal)) answer.Text(Tree(files));
        else if (files.TryGetValue(path, out byte[]? file)) answer.File(request, file, headers: "ETag: \"one\"");
        else answer.Status(404);
    });

    // As the site answers; large files have their hash.
    private static string Tree(Dictionary<string, byte[]> files) => JsonSerializer.Serialize(files.Select(file => new
    {
        type = "file", oid = "1234", size = file.Value.Length, path = file.Key, lfs = new { oid = PullFixture.Hash(file.Value), size = file.Value.Length, pointerSize = 134 },
    }).Cast<object>().Append(new { type = "directory", oid = "5678", size = 0, path = "folder.gguf" }));
}
