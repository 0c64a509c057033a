using Edge.Llm.Cli;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;
using Edge.Llm.Tests.Support;

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
    public void ABrokenConnectionGoesOnWhereItWas()
    {
        const int Piece = 20_000;
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, Piece, Tag));
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        AssertPulled("x", s_model);
        int[] starts = [.. server.Requests.Where(request => !request.IsProbe).Select(request => request.RangeStart)];
        Assert.IsGreaterThan(_fixture.Patience.Attempts, starts.Length); // attempts that got on do not count
        CollectionAssert.AreEqual(Enumerable.Range(0, starts.Length).Select(i => i * Piece).ToArray(), starts);
    }

    [TestMethod]
    public void AServerThatBringsNothingMoreIsGivenUp()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, request.RangeStart > 0 ? 0 : 1000, Tag));
        PullException error = Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        StringAssert.Contains(error.Message, "broke off");
        Assert.AreEqual(_fixture.Patience.Attempts, server.Requests.Count(request => !request.IsProbe));
        CollectionAssert.Contains(_fixture.Files, Path.Combine(".pulling", "x", "x.gguf")); // what came is kept
        Assert.IsNull(_fixture.Folder.Find("x"));
    }

    [TestMethod]
    public void AStoppedPullGoesOn()
    {
        using var stop = new CancellationTokenSource();
        using var server = new LoopbackServer((request, answer) =>
        {
            answer.File(request, s_model, stop.IsCancellationRequested ? int.MaxValue : 50_000, Tag);
            if (!stop.IsCancellationRequested) Thread.Sleep(10_000);
        });
        Assert.Throws<OperationCanceledException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf", progress: (done, _) =>
        {
            if (done >= 50_000) stop.Cancel();
        }, cancellation: stop.Token));
        CollectionAssert.AreEqual(new[] { Path.Combine(".pulling", "x", "x.gguf"), Path.Combine(".pulling", "x", "x.gguf.version") }, _fixture.Files);
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        AssertPulled("x", s_model);
        Assert.AreEqual((50_000, "\"one\""), (server.Requests[^1].RangeStart, server.Requests[^1].Header("If-Range")));
        StringAssert.Contains(_fixture.Announced[^1], "50.0 kB of it are there already");
    }

    [TestMethod]
    [DataRow("knows no ranges")]
    [DataRow("has another version, and says so")]
    [DataRow("has another version, and does not look at If-Range")]
    [DataRow("sends another range")]
    [DataRow("has no such range")]
    public void WhatCannotGoOnBeginsAgain(string server)
    {
        byte[] other = PullFixture.Model(seed: 2);
        int number = 0;
        using var web = new LoopbackServer((request, answer) =>
        {
            if (request.IsProbe || ++number == 1) answer.File(request, s_model, 70_000, Tag);
            else if (request.RangeStart == 0) answer.File(request, other, headers: "ETag: \"two\"");
            else if (server.Contains("If-Range", StringComparison.Ordinal)) answer.File(request, other, headers: "ETag: \"two\"");
            else if (server == "has no such range") answer.Status(416);
            else if (server == "sends another range")
            {
                answer.Head(206, $"Content-Length: {other.Length}", $"Content-Range: bytes 0-{other.Length - 1}/{other.Length}", Tag);
                answer.Body(other);
            }
            else answer.File(request with { Headers = [] }, other, headers: "ETag: \"two\"");
        });
        _fixture.Pull(web.Url, web.Url + "x.gguf");
        AssertPulled("x", other);
        Assert.AreEqual(70_000, web.Requests[2].RangeStart);
    }

    [TestMethod]
    public void WithoutAVersionNothingGoesOn()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, request.Path == "/x.gguf" ? 70_000 : int.MaxValue, "ETag: W/\"weak\""));
        Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        Assert.IsTrue(server.Requests.All(request => request.IsProbe || request.RangeStart == 0));
    }

    [TestMethod]
    public void AWholeFileOfAnOlderVersionIsFetchedAgain()
    {
        string folder = Path.Combine(_fixture.Folder.Path, ".pulling", "x");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "x.gguf"), PullFixture.Model(seed: 2));
        File.WriteAllText(Path.Combine(folder, "x.gguf.version"), "\"zero\"");
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, headers: Tag));
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        AssertPulled("x", s_model);
    }

    [TestMethod]
    public void ADateTellsVersionsApart()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, 150_000, "Last-Modified: Mon, 30 Nov 2026 10:00:00 GMT"));
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        AssertPulled("x", s_model);
        Assert.AreEqual("Mon, 30 Nov 2026 10:00:00 GMT", server.Requests[^1].Header("If-Range"));
        Assert.IsFalse(_fixture.Pull(server.Url, server.Url + "x.gguf").Fetched);
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
    public void ADamagedPartIsFetchedAgain()
    {
        string hash = PullFixture.Hash(s_model), folder = Path.Combine(_fixture.Folder.Path, ".pulling", "x");
        Directory.CreateDirectory(folder);
        byte[] damaged = s_model[..100_000];
        damaged[50_000] ^= 1;
        File.WriteAllBytes(Path.Combine(folder, "x.gguf"), damaged);
        File.WriteAllText(Path.Combine(folder, "x.gguf.version"), hash);
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model));
        _fixture.Pull(server.Url, server.Url + "x.gguf", sha256: hash);
        AssertPulled("x", s_model);
        CollectionAssert.AreEqual((int[])[100_000, 0], server.Requests.Where(request => !request.IsProbe).Select(request => request.RangeStart).ToArray());
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
        using var server = new LoopbackServer((request, answer) => answer.File(request, parts[request.Path.Contains("-00001-", StringComparison.Ordinal) ? 0 : 1], headers: Tag));
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
    [DataRow(true)]
    [DataRow(false)]
    public void APullStoppedAmongItsPartsGoesOn(bool goesOn)
    {
        byte[][] parts = SplitModel.Parts();
        using var server = new LoopbackServer((request, answer) => answer.File(request, parts[request.Path.Contains("-00001-", StringComparison.Ordinal) ? 0 : 1], headers: Tag));
        string url = server.Url + "big-00001-of-00002.gguf", obstacle = Path.Combine(_fixture.Folder.Path, "big-00002-of-00002.gguf");
        Directory.CreateDirectory(obstacle); // where the second part is to go
        Assert.Throws<IOException>(() => _fixture.Pull(server.Url, url));
        Directory.Delete(obstacle);
        Assert.AreEqual(1, _fixture.Folder.Find("big")!.Files.Count);
        if (goesOn)
        {
            int before = server.Requests.Length;
            (StoredModel model, _) = _fixture.Pull(server.Url, url);
            Assert.IsTrue(server.Requests[before..].All(request => request.IsProbe)); // both parts were there
            CollectionAssert.AreEqual(parts[0], File.ReadAllBytes(model.Files[0]));
            CollectionAssert.AreEqual(parts[1], File.ReadAllBytes(model.Files[1]));
            CollectionAssert.AreEqual(new[] { "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "big.json" }, _fixture.Files);
        }
        else
        {
            CommandLine.Result removed = CommandLine.Run(["remove", "big", "--models-dir", _fixture.Folder.Path]);
            Assert.AreEqual(0, removed.ExitCode, removed.Error);
            Assert.IsEmpty(_fixture.Files);
        }
    }

    [TestMethod]
    public void ANameInOtherCaseIsTheSameModel()
    {
        byte[] sent = s_model;
        using var server = new LoopbackServer((request, answer) => answer.File(request, sent, headers: $"ETag: \"{sent[^1]}\""));
        _fixture.Pull(server.Url, server.Url + "x.gguf", name: "Mine");
        Assert.IsFalse(_fixture.Pull(server.Url, server.Url + "x.gguf", name: "mine").Fetched);
        StringAssert.Contains(Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "MINE.gguf")).Message, "there is a model Mine already");
        sent = PullFixture.Model(seed: 3);
        Assert.AreEqual("Mine", _fixture.Pull(server.Url, server.Url + "x.gguf", name: "MINE").Model.Name);
        CollectionAssert.AreEqual(new[] { "Mine.gguf", "Mine.json" }, _fixture.Files);
        AssertPulled("Mine", sent);
    }

    [TestMethod]
    public void TwoAtATimeDoNotMeet()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using var server = new LoopbackServer((request, answer) =>
        {
            if (!request.IsProbe)
            {
                begun.Set();
                goOn.Wait();
            }
            answer.File(request, s_model, headers: Tag);
        });
        Task first = Task.Run(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        begun.Wait();
        UsageException error = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        StringAssert.Contains(error.Message, "another process is pulling x");
        goOn.Set();
        first.Wait();
        AssertPulled("x", s_model);
        Assert.IsFalse(_fixture.Pull(server.Url, server.Url + "x.gguf").Fetched);
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
