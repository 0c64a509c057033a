using System.Text.Json;
using Edge.Llm.Cli;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>Models of a registry.</summary>
[TestClass]
public sealed class OllamaTests : IDisposable
{
    private static readonly byte[] s_model = PullFixture.Model();
    private readonly PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestMethod]
    [DataRow("tiny", "/v2/library/tiny/manifests/latest", "tiny", "ollama:tiny")]
    [DataRow("tiny:latest", "/v2/library/tiny/manifests/latest", "tiny", "ollama:tiny")]
    [DataRow("llama3.2:1b", "/v2/library/llama3.2/manifests/1b", "llama3.2-1b", "ollama:llama3.2:1b")]
    [DataRow("me/tiny:1b-q8_0", "/v2/me/tiny/manifests/1b-q8_0", "tiny-1b-q8_0", "ollama:me/tiny:1b-q8_0")]
    public void TheLayerOfTheModelIsFetched(string source, string manifest, string name, string recorded)
    {
        using LoopbackServer server = Registry(Manifest($"sha256:{PullFixture.Hash(s_model)}", s_model.Length));
        (StoredModel model, _) = _fixture.Pull(server.Url, "ollama:" + source);
        Assert.AreEqual((name, recorded), (model.Name, model.Record!.Source));
        CollectionAssert.AreEqual(s_model, File.ReadAllBytes(model.Path));
        Assert.AreEqual(manifest, server.Requests[0].Path);
        StringAssert.Contains(server.Requests[0].Header("Accept"), "application/vnd.docker.distribution.manifest.v2+json");
        Assert.AreEqual(manifest.Split("manifests")[0] + $"blobs/sha256:{PullFixture.Hash(s_model)}", server.Requests[1].Path);
        Assert.AreEqual("/cdn", server.Requests[2].Path);
        Assert.IsFalse(_fixture.Pull(server.Url, "ollama:" + source).Fetched);
    }

    [TestMethod]
    public void AnotherContentIsRefused()
    {
        string hash = PullFixture.Hash(PullFixture.Model(seed: 2));
        using LoopbackServer server = Registry(Manifest($"sha256:{hash}", s_model.Length));
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "ollama:tiny")).Message, $"expected SHA-256 {hash}");
        Assert.IsEmpty(_fixture.Folder.All());
    }

    [TestMethod]
    [DataRow("md5:00")]
    [DataRow("sha256:../../../../../etc/passwd")]
    [DataRow("sha256:")]
    public void ADigestThatIsNone(string digest)
    {
        using LoopbackServer server = Registry(Manifest(digest, s_model.Length));
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "ollama:tiny")).Message, "expected a digest sha256:...");
    }

    [TestMethod]
    [DataRow("{}")]
    [DataRow("{\"layers\":[]}")]
    [DataRow("{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"size\":1}]}")]
    [DataRow("{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":null,\"size\":1}]}")]
    [DataRow("404 page not found")]
    public void AManifestThatIsNone(string manifest)
    {
        using LoopbackServer server = Registry(manifest);
        Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "ollama:tiny"));
    }

    [TestMethod]
    public void AModelThatIsNotThere()
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(404));
        StringAssert.Contains(Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, "ollama:tiny")).Message, "has no ");
    }

    [TestMethod]
    public void AnAnswerWithoutEndIsCut()
    {
        using var server = new LoopbackServer((_, answer) =>
        {
            answer.Head(200);
            while (true) answer.Body(new byte[1 << 16]);
        });
        StringAssert.Contains(Assert.ThrowsExactly<PullException>(() => _fixture.Pull(server.Url, "ollama:tiny")).Message, "expected at most");
    }

    private static string Manifest(string digest, long size) => JsonSerializer.Serialize(new
    {
        schemaVersion = 2,
        layers = new[]
        {
            new { mediaType = "application/vnd.ollama.image.license", digest = "sha256:00", size = 7L },
            new { mediaType = "application/vnd.ollama.image.model", digest, size },
        },
    });

    private static LoopbackServer Registry(string manifest) => new((request, answer) =>
    {
        if (request.Path.Contains("/manifests/", StringComparison.Ordinal)) answer.Text(manifest);
        else if (request.Path.Contains("/blobs/", StringComparison.Ordinal)) answer.Status(307, "Location: /cdn");
        else answer.File(request, s_model);
    });
}
