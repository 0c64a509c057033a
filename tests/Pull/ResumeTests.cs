using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>A pull that breaks off goes on where it was, or begins again: what comes is the file.</summary>
[TestClass]
public sealed class ResumeTests : IDisposable
{
    private const string Tag = "ETag: \"one\"";
    private static readonly byte[] s_model = PullFixture.Model();
    private readonly PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

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
        using var server = new LoopbackServer((request, answer) =>
            answer.File(request, s_model, request.Path == "/x.gguf" ? 70_000 : int.MaxValue, "ETag: W/\"weak\""));
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

    private void AssertPulled(string name, byte[] expected)
    {
        CollectionAssert.AreEqual(new[] { name + ".gguf", name + ".json" }, _fixture.Files);
        CollectionAssert.AreEqual(expected, File.ReadAllBytes(_fixture.Folder.Find(name)!.Path));
    }
}
