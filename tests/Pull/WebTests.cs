using Edge.Llm.Cli;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>Redirects, tokens, refusals and silence.</summary>
[TestClass]
public sealed class WebTests : IDisposable
{
    private const string Tag = "ETag: \"one\"", Token = "hf_secret";
    private static readonly byte[] s_model = PullFixture.Model();
    private PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestMethod]
    [DataRow(301)]
    [DataRow(302)]
    [DataRow(303)]
    [DataRow(307)]
    [DataRow(308)]
    public void RedirectsAreFollowed(int status)
    {
        using var server = new LoopbackServer((request, answer) =>
        {
            if (request.Path == "/x.gguf") answer.Status(status, "Location: sub/../1");
            else if (request.Path == "/1") answer.Status(status, "Location: /2?a=b");
            else answer.File(request, s_model, 150_000, Tag);
        });
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        CollectionAssert.AreEqual(s_model, File.ReadAllBytes(_fixture.Folder.Find("x")!.Path));
        Assert.AreEqual(("/2?a=b", 150_000), (server.Requests[^1].Path, server.Requests[^1].RangeStart)); // the range goes along
    }

    [TestMethod]
    public void TheTokenGoesToItsHostAlone()
    {
        using var other = new LoopbackServer((request, answer) => answer.File(request, s_model, headers: Tag));
        using var server = new LoopbackServer((request, answer) =>
            answer.Status(302, request.Path == "/x.gguf" ? "Location: /y.gguf" : $"Location: {other.Url}z.gguf"));
        _fixture.Pull(server.Url, server.Url + "x.gguf", token: Token);
        Assert.HasCount(4, server.Requests);
        Assert.IsTrue(server.Requests.All(request => request.Header("Authorization") == $"Bearer {Token}"));
        Assert.HasCount(2, other.Requests);
        Assert.IsTrue(other.Requests.All(request =>
            request.Header("Authorization") is null && !request.Headers.Values.Any(value => value.Contains(Token, StringComparison.Ordinal))));
    }

    [TestMethod]
    public void TheTokenComesBackFromAnotherHost()
    {
        LoopbackServer server = null!;
        using var other = new LoopbackServer((_, answer) => answer.Status(302, $"Location: {server.Url}z.gguf"));
        using (server = new LoopbackServer((request, answer) =>
        {
            if (request.Path == "/z.gguf" && request.Header("Authorization") == $"Bearer {Token}") answer.File(request, s_model, headers: Tag);
            else answer.Status(302, $"Location: {other.Url}");
        }))
        {
            _fixture.Pull(server.Url, server.Url + "x.gguf", token: Token);
        }
        Assert.IsTrue(other.Requests.All(request => request.Header("Authorization") is null));
    }

    [TestMethod]
    [DataRow(400)]
    [DataRow(401)]
    [DataRow(403)]
    [DataRow(404)]
    [DataRow(410)]
    [DataRow(500)]
    [DataRow(302)] // to nowhere
    [DataRow(200)] // a page
    [DataRow(206)] // not the file of the hash
    public void NoMessageHasTheQuery(int status)
    {
        using var other = new LoopbackServer((request, answer) =>
        {
            if (status == 206) answer.File(request, s_model, headers: Tag);
            else if (status == 200) answer.Text("<html>", "Content-Type: text/html");
            else answer.Status(status);
        });
        using var server = new LoopbackServer((request, answer) => answer.Status(302, $"Location: {other.Url}x.gguf?sig=signed"));
        Exception error = Assert.Throws<Exception>(() =>
            _fixture.Pull(server.Url, server.Url + "x.gguf?sig=secret", sha256: status == 206 ? new string('0', 64) : null));
        Assert.DoesNotContain("secret", error.Message);
        Assert.DoesNotContain("signed", error.Message);
        Assert.Contains("127.0.0.1", error.Message);
        Assert.DoesNotContain("secret", string.Concat(_fixture.Announced));
    }

    [TestMethod]
    [DataRow("Location: /x.gguf", "more than 10 redirects")]
    [DataRow("Location: ftp://127.0.0.1/x.gguf", "expected a redirect to https, found ftp://127.0.0.1")]
    [DataRow("Location: file:///etc/passwd", "expected a redirect to https, found file://")]
    [DataRow("X-Nothing: 1", "a redirect to nowhere")]
    public void RedirectsToNoFile(string header, string expected)
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(302, header));
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf")).Message, expected);
        Assert.IsLessThan(12, server.Requests.Length);
        Assert.IsEmpty(_fixture.Files);
    }

    [TestMethod]
    [DataRow(401, null, "needs a token in HF_TOKEN")]
    [DataRow(403, null, "needs a token in HF_TOKEN")]
    [DataRow(401, Token, "the token of HF_TOKEN is not valid")]
    [DataRow(403, Token, "terms to accept")]
    [DataRow(404, null, "has no ")]
    [DataRow(410, null, "has no ")]
    public void ARefusalIsNotTriedAgain(int status, string? token, string expected)
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(status));
        string message = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf", token: token)).Message;
        StringAssert.Contains(message, expected);
        StringAssert.Contains(message, $"({status})");
        Assert.DoesNotContain(Token, message);
        Assert.HasCount(1, server.Requests);
    }

    [TestMethod]
    public void AnotherHostsRefusalHasNothingToDoWithTheToken()
    {
        using var other = new LoopbackServer((_, answer) => answer.Status(403));
        using var server = new LoopbackServer((_, answer) => answer.Status(302, $"Location: {other.Url}x.gguf"));
        string message = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf", token: Token)).Message;
        Assert.DoesNotContain("HF_TOKEN", message);
    }

    [TestMethod]
    [DataRow(408)]
    [DataRow(429)]
    [DataRow(500)]
    [DataRow(503)]
    public void AFaultThatPassesIsWaitedFor(int status)
    {
        int number = 0;
        using var server = new LoopbackServer((request, answer) =>
        {
            if (++number is 1 or 3) answer.Status(status, "Retry-After: 0");
            else answer.File(request, s_model, headers: Tag);
        });
        Assert.IsTrue(_fixture.Pull(server.Url, server.Url + "x.gguf").Fetched);
        Assert.HasCount(4, server.Requests);
    }

    [TestMethod]
    public void AFaultThatStaysIsGivenUp()
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(503));
        PullException error = Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        StringAssert.Contains(error.Message, "cannot answer now (503");
        Assert.HasCount(_fixture.Patience.Attempts, server.Requests);
    }

    [TestMethod]
    [DataRow("3600")]
    [DataRow("Fri, 31 Dec 2100 23:59:59 GMT")]
    public void NobodyIsWaitedForLong(string after)
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(429, $"Retry-After: {after}"));
        Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        Assert.HasCount(1, server.Requests);
    }

    [TestMethod]
    public void SilenceIsABrokenConnection()
    {
        _fixture.Dispose();
        _fixture = new PullFixture { Patience = new Patience { Attempts = 2, FirstWait = TimeSpan.Zero, Silence = TimeSpan.FromSeconds(0.5) } };
        using var over = new ManualResetEventSlim();
        using var server = new LoopbackServer((request, answer) =>
        {
            answer.File(request, s_model, request.RangeStart == 0 ? 100_000 : int.MaxValue, Tag);
            if (request is { IsProbe: false, RangeStart: 0 }) over.Wait();
        });
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        over.Set();
        CollectionAssert.AreEqual(s_model, File.ReadAllBytes(_fixture.Folder.Find("x")!.Path));
        Assert.AreEqual(100_000, server.Requests[^1].RangeStart);
    }

    [TestMethod]
    public void ASlowServerIsWaitedFor()
    {
        _fixture.Dispose();
        _fixture = new PullFixture { Patience = new Patience { Attempts = 1, Silence = TimeSpan.FromSeconds(2) } };
        byte[] small = PullFixture.Model(4000);
        using var server = new LoopbackServer((request, answer) =>
        {
            answer.Head(200, $"Content-Length: {small.Length}", Tag);
            if (request.IsProbe) return;
            for (int at = 0; at < small.Length; at += 200) // three seconds in all
            {
                answer.Body(small.AsSpan(at, Math.Min(200, small.Length - at)));
                Thread.Sleep(150);
            }
        });
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        CollectionAssert.AreEqual(small, File.ReadAllBytes(_fixture.Folder.Find("x")!.Path));
    }

    [TestMethod]
    public void WhatIsNoHttpIsNoModel()
    {
        using var server = new LoopbackServer((_, answer) => answer.Body("SSH-2.0-OpenSSH_9.6\r\n\r\n"u8));
        PullException error = Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        StringAssert.StartsWith(error.Message, "127.0.0.1: ");
    }

    [TestMethod]
    public void NobodyListens()
    {
        Uri url;
        using (var server = new LoopbackServer((_, _) => { })) url = server.Url;
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(url, url + "x.gguf")).Message, "127.0.0.1: ");
    }
}
