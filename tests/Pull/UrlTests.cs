using Edge.Llm.Cli;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>Pulling from a URL: what comes is the file, or an error, whatever the server does.</summary>
[TestClass]
public sealed class UrlTests : IDisposable
{
    private const string Tag = "ETag: \"one\"";
    private static readonly byte[] s_model = PullFixture.Model();
    private readonly PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestMethod]
    public void AFileGetsItsNameAndARecord()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, headers: Tag));
        string url = $"{server.Url}some/where/Tiny-Q8_0.gguf?download=true";
        long most = 0;
        (StoredModel model, bool fetched) = _fixture.Pull(server.Url, url, progress: (done, total) =>
        {
            Assert.AreEqual(s_model.Length, total);
            most = Math.Max(most, done);
        });
        Assert.AreEqual(("Tiny-Q8_0", true, (long)s_model.Length), (model.Name, fetched, most));
        AssertPulled("Tiny-Q8_0", s_model);
        Assert.AreEqual($"{server.Url}some/where/Tiny-Q8_0.gguf", model.Record!.Source);
        Assert.AreEqual(PullFixture.Hash(s_model), model.Record.Files[0].Sha256);
        Assert.IsLessThan(TimeSpan.FromHours(1), DateTime.UtcNow - ModelRecord.Read(_fixture.Folder.RecordPath("Tiny-Q8_0"))!.Date);
    }

    [TestMethod]
    public void AFileOfUnknownLengthIsRead()
    {
        using var server = new LoopbackServer((request, answer) =>
        {
            answer.Head(200);
            answer.Body(s_model);
        });
        _fixture.Pull(server.Url, server.Url + "x.gguf", progress: (_, total) => Assert.AreEqual(0, total));
        AssertPulled("x", s_model);
    }

    [TestMethod]
    public void AFileCutShortIsNoModel()
    {
        byte[] cut = s_model[..150_000];
        using var server = new LoopbackServer((request, answer) => answer.File(request, cut, headers: Tag));
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        Assert.IsEmpty(_fixture.Files); // the next attempt begins afresh
    }

    [TestMethod]
    public void APageIsNoModel()
    {
        using var server = new LoopbackServer((_, answer) => answer.Text("<html>Please log in</html>", "Content-Type: text/html; charset=utf-8"));
        UsageException error = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        StringAssert.Contains(error.Message, "expected a GGUF file, found text/html");
        Assert.IsEmpty(_fixture.Files);
    }

    [TestMethod]
    public void TheHashOfTheCommandLineIsChecked()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, headers: Tag));
        string wrong = new('0', 64);
        PullException error = Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf", sha256: wrong));
        StringAssert.Contains(error.Message, $"expected SHA-256 {wrong}, found {PullFixture.Hash(s_model)}");
        Assert.IsNull(_fixture.Folder.Find("x"));
        _fixture.Pull(server.Url, server.Url + "x.gguf", sha256: PullFixture.Hash(s_model));
        AssertPulled("x", s_model);
    }

    [TestMethod]
    public void TheHashOfTheHubIsChecked()
    {
        using var server = new LoopbackServer((request, answer) =>
        {
            if (request.Path.StartsWith("/cdn", StringComparison.Ordinal)) answer.File(request, PullFixture.Model(seed: 2), headers: Tag);
            else answer.Status(302, "Location: /cdn/1", $"X-Linked-Size: {s_model.Length}", $"X-Linked-ETag: \"{PullFixture.Hash(s_model)}\"");
        });
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf")).Message, PullFixture.Hash(s_model));
        Assert.IsEmpty(_fixture.Folder.All());
    }

    [TestMethod]
    public void AllPartsOfASplitModelAreFetched()
    {
        byte[][] parts = SplitModel.Parts();
        using var server = new LoopbackServer((request, answer) => answer.File(request, parts[SplitModel.Number(request.Path)], headers: Tag));
        (StoredModel model, _) = _fixture.Pull(server.Url, server.Url + "big-00002-of-00002.gguf");
        Assert.AreEqual(("big", 2), (model.Name, model.Files.Count));
        CollectionAssert.AreEqual(parts[0], File.ReadAllBytes(model.Files[0]));
        CollectionAssert.AreEqual(parts[1], File.ReadAllBytes(model.Files[1]));
        using GgufFile file = GgufFile.Open(_fixture.Folder.Find("big")!.Path);
        Assert.AreEqual(2, file.PartCount);
    }

    [TestMethod]
    public void AQueryMaySignAndIsNotKept()
    {
        byte[] sent = s_model;
        using var server = new LoopbackServer((request, answer) => answer.File(request, sent, headers: $"ETag: \"{sent[^1]}\""));
        string url = $"{server.Url}get.gguf?file=1&X-Amz-Signature=secret";
        _fixture.Pull(server.Url, url);
        Assert.DoesNotContain("secret", File.ReadAllText(_fixture.Folder.RecordPath("get")));
        Assert.IsFalse(_fixture.Pull(server.Url, url).Fetched);
        sent = PullFixture.Model(seed: 3);
        // Another query may be another model; the same one has a newer file.
        UsageException error = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, $"{server.Url}get.gguf?file=2"));
        StringAssert.Contains(error.Message, $"there is a model get already, from {server.Url}get.gguf: --name");
        Assert.IsTrue(_fixture.Pull(server.Url, url).Fetched);
        AssertPulled("get", sent);
    }

    [TestMethod]
    [DataRow("..%2F..%2Fevil.gguf", "evil")]
    [DataRow("%2Fetc%2Fpasswd", "passwd")]
    [DataRow("..%5C..%5Cevil.gguf", "evil")]
    [DataRow("a%00b%0Ac.gguf", "a-b-c")]
    [DataRow("%1B%5B31mred.gguf", "31mred")]
    [DataRow("..gguf", "model")]
    [DataRow(".gguf", "model")]
    [DataRow("-rf.gguf", "rf")]
    [DataRow("M%C3%BCller (1).gguf", "M-ller-1")]
    [DataRow("x.GGUF", "x")]
    public void NamesStayInTheFolder(string file, string expected)
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, headers: Tag));
        (StoredModel model, _) = _fixture.Pull(server.Url, server.Url + "a/b/" + file);
        Assert.AreEqual(expected, model.Name);
        AssertPulled(expected, s_model);
    }

    private void AssertPulled(string name, byte[] expected)
    {
        CollectionAssert.AreEqual(new[] { name + ".gguf", name + ".json" }, _fixture.Files);
        CollectionAssert.AreEqual(expected, File.ReadAllBytes(_fixture.Folder.Find(name)!.Path));
    }
}
