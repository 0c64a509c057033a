using Edge.Llm.Cli;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>How sources are written.</summary>
[TestClass]
public sealed class SourceTests
{
    private static readonly Hosts s_hosts = new(new Uri("https://hub.example/"), new Uri("https://registry.example/"));

    [TestMethod]
    [DataRow("HF:me/x", "hf:me/x", "hf:me/x")]
    [DataRow("hf:me/x:Q8_0", "hf:me/x:Q8_0", "hf:me/x")]
    [DataRow("ollama:x:latest", "ollama:x", "ollama:x")]
    [DataRow("https://a.example/x.gguf#top", "https://a.example/x.gguf", "https://a.example/x.gguf")]
    [DataRow("https://hub.example/me/x", "hf:me/x", "hf:me/x")]
    [DataRow("https://hub.example/me/x/?library=gguf", "hf:me/x", "hf:me/x")]
    [DataRow("https://hub.example/me/x/blob/main/a/b.gguf", "https://hub.example/me/x/resolve/main/a/b.gguf", "https://hub.example/me/x/resolve/main/a/b.gguf")]
    [DataRow("https://a.example/me/x", "https://a.example/me/x", "https://a.example/me/x")]
    public void SourcesAreRead(string text, string expected, string origin)
    {
        Source source = Source.Parse(text, s_hosts);
        Assert.AreEqual((expected, origin), (source.Text, source.Origin));
    }

    [TestMethod]
    [DataRow("", "")]
    [DataRow("llama3.2", "did you mean ollama:llama3.2?")]
    [DataRow("llama3.2:1b", "did you mean ollama:llama3.2:1b?")]
    [DataRow("me/x", "did you mean hf:me/x?")]
    [DataRow("me/x:Q8_0", "did you mean hf:me/x:Q8_0?")]
    [DataRow("hf:x", "")]
    [DataRow("hf:", "")]
    [DataRow("hf:me/x/y", "")]
    [DataRow("hf:me/x:", "")]
    [DataRow("hf:../x", "")]
    [DataRow("hf:me/..", "")]
    [DataRow("hf:me/x?y", "")]
    [DataRow("hf:me /x", "")]
    [DataRow("ollama:", "")]
    [DataRow("ollama:a/b/c", "")]
    [DataRow("ollama:../x", "")]
    [DataRow("ollama:x:", "")]
    [DataRow("ollama:x:a/b", "")]
    [DataRow("ollama:x:..", "")]
    [DataRow("ftp://a.example/x.gguf", "")]
    [DataRow("file:///etc/passwd", "")]
    [DataRow("https://", "")]
    public void OthersAreRefused(string text, string hint)
    {
        string message = Assert.ThrowsExactly<UsageException>(() => Source.Parse(text, s_hosts)).Message;
        StringAssert.StartsWith(message, "expected URL, hf:OWNER/REPO[:QUANT] or ollama:NAME[:TAG], found '" + text + "'");
        StringAssert.EndsWith(message, hint.Length > 0 ? "; " + hint : "'");
    }

    [TestMethod]
    public void AQueryIsNotRepeated() =>
        Assert.DoesNotContain("secret", Assert.ThrowsExactly<UsageException>(() => Source.Parse("htps://a.example/x.gguf?sig=secret", s_hosts)).Message);

    [TestMethod]
    [DataRow("https://a.example/x.gguf?k=secret", "https://b.example/x.gguf?k=secret", false)]
    [DataRow("https://a.example/x.gguf?k=secret", "https://a.example/x.gguf?k=other", false)]
    [DataRow("https://a.example/x.gguf?k=secret", "https://a.example/x.gguf?k=secret", true)]
    public void AQueryIsHashedWithItsUrl(string one, string other, bool same)
    {
        string? first = Source.Parse(one, s_hosts).Query, second = Source.Parse(other, s_hosts).Query;
        Assert.IsNotNull(first);
        Assert.AreEqual(same, first == second);
    }

    [TestMethod]
    public void APasswordIsNotKept() =>
        Assert.DoesNotContain("secret", Assert.ThrowsExactly<UsageException>(() => Source.Parse("https://me:secret@a.example/x.gguf", s_hosts)).Message);
}
