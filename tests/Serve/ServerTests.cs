using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Edge.Llm.Cli;
using Edge.Llm.Cli.Serve;

namespace Edge.Llm.Tests.Serve;

/// <summary>How a server runs: the queue, priorities, deadlines, sockets, TLS, options from a file, the end.</summary>
[TestClass]
public sealed class ServerTests
{
    private const string Ask = """{"messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":8,"temperature":0}""";

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public async Task PriorityIsForTheServerToAllow(bool isAllowed)
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 1, ClientPriority = isAllowed });
        await using var serving = server.ConfigureAwait(false);
        Task first = BeginAsync(1000, 900); // nobody takes its place
        await StartedAsync(1);
        Task low = BeginAsync(1, 200); // long enough that a busy machine does not mix up who ended first
        await StartedAsync(2);
        Task high = BeginAsync(5, 200);
        await StartedAsync(3);
        Assert.AreSame(isAllowed ? high : low, await Task.WhenAny(low, high));
        await Task.WhenAll(first, low, high);
        await server.Client.RefusedAsync(400, "/v1/chat/completions", Ask[..^1] + ""","priority":1001}""");

        async Task BeginAsync(int priority, int tokens)
        {
            await server.Client.PostAsync("/v1/chat/completions", Long(tokens)[..^1] + $",\"priority\":{priority}}}");
        }

        async Task StartedAsync(int count)
        {
            for (int i = 0; (server.Models.Slots[0].Loaded?.Running.All().Length ?? 0) < count; i++)
            {
                Assert.IsLessThan(30_000, i);
                await Task.Delay(1);
            }
        }
    }

    [TestMethod]
    public async Task AFullQueueSaysWhenToComeBack()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 1, Queue = 0 });
        await using var serving = server.ConfigureAwait(false);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Streamed(900)) };
        using HttpResponseMessage running = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using HttpResponseMessage refused = await server.Client.PostAsync("/v1/chat/completions", ServeAssert.Json(Ask));
        Assert.AreEqual(503, (int)refused.StatusCode);
        Assert.AreEqual("1", refused.Headers.GetValues("retry-after").Single());
        Assert.AreEqual("1000", refused.Headers.GetValues("retry-after-ms").Single());
    }

    [TestMethod]
    public async Task AnswersMayEndWhenTheServerIsToStop()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { Drain = TimeSpan.FromMinutes(1) });
        await using var serving = server.ConfigureAwait(false);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Streamed(200)) };
        using HttpResponseMessage running = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Task stopping = server.StopAsync();
        Assert.EndsWith("data: [DONE]\n\n", await running.Content.ReadAsStringAsync());
        await stopping;
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => server.Client.GetAsync("/health"));
    }

    [TestMethod]
    public async Task AnAnswerEndsAtItsTime()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { RequestTimeout = TimeSpan.FromMilliseconds(1) });
        await using var serving = server.ConfigureAwait(false);
        JsonElement reply = await server.Client.PostAsync("/v1/chat/completions", Ask[..^1].Replace("\"max_tokens\":8", "\"ignore_eos\":true") + "}");
        Assert.AreEqual("length", reply.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
    }

    [TestMethod]
    public async Task ASocketOfTheSystemIsServed()
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"edge-llm-{Guid.NewGuid():N}.sock");
        var server = new Server(new ServerOptions { UnixSocket = path, Quiet = true }, [TestServer.Small()]);
        await using var serving = server.ConfigureAwait(false);
        await server.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        Assert.AreEqual("""{"status":"ok"}""", await client.GetStringAsync("http://anything/health"));
    }

    [TestMethod]
    public async Task ManyResetsOfHttp2HarmNobody()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            (string certificate, string key) = Certificate(folder);
            TestServer server = await TestServer.StartAsync(new ServerOptions { Tls = (certificate, key), Queue = 4096 });
            await using var serving = server.ConfigureAwait(false);
            Assert.AreEqual("https", server.Address.Scheme);
            var handler = new SocketsHttpHandler();
            handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=localhost";
            using var client = new HttpClient(handler)
            {
                BaseAddress = server.Address, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            string text = (await client.PostAsync("/v1/chat/completions", Ask)).GetProperty("choices").GetRawText();
            await Parallel.ForEachAsync(Enumerable.Range(0, 400), async (i, _) =>
            {
                using var reset = new CancellationTokenSource(i % 7);
                try
                {
                    await client.PostAsync("/v1/chat/completions", ServeAssert.Json(Ask[..^1] + ""","stream":true}"""), reset.Token);
                }
                catch (Exception e) when (e is OperationCanceledException or HttpRequestException)
                {
                    // as meant
                }
            });
            Assert.AreEqual(text, (await client.PostAsync("/v1/chat/completions", Ask)).GetProperty("choices").GetRawText());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    public void OptionsComeFromAFile()
    {
        string file = System.IO.Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "# where\nport = 8081\n\nquiet\nmodel = chat=x.gguf\n");
            string[] expected = ["serve", "--port", "8081", "--quiet", "--model", "chat=x.gguf", "--port", "9"];
            CollectionAssert.AreEqual(expected, ConfigFile.Expand(["serve", "--config", file, "--port", "9"]));
            File.WriteAllText(file, "port = 1\n--quiet\n");
            Assert.Contains(":2:", Assert.ThrowsExactly<UsageException>(() => ConfigFile.Expand(["serve", "--config", file])).Message);
            CollectionAssert.AreEqual((string[])["run", "--config", file], ConfigFile.Expand(["run", "--config", file]));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Long(int tokens) => Ask.Replace("\"max_tokens\":8", $"\"max_tokens\":{tokens},\"ignore_eos\":true");

    private static string Streamed(int tokens) => Long(tokens)[..^1] + ""","stream":true}""";

    private static (string Certificate, string Key) Certificate(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string certificateFile = System.IO.Path.Combine(folder, "cert.pem"), keyFile = System.IO.Path.Combine(folder, "key.pem");
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (certificateFile, keyFile);
    }
}
