using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;
using Edge.Llm.Cli;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>Operation: models by name, keys, origins, TLS, sockets, the queue, the end.</summary>
[TestClass]
public sealed class ServerTests
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
        TestServer server = await TestServer.StartAsync(null, TestServer.Small(), TestServer.Of("broken", System.IO.Path.Combine(RepositoryFiles.Root(), "README.md")));
        await using var serving = server.ConfigureAwait(false);
        JsonElement error = await server.Client.RefusedAsync(500, "/v1/chat/completions", Ask[..^1] + ""","model":"broken"}""", "the model 'broken' cannot be loaded: at offset 0: not a GGUF file");
        Assert.AreEqual("model_not_loadable", error.GetProperty("code").GetString());
        Assert.DoesNotContain("README", error.GetRawText());
        await TextAsync(server, Ask);
    }

    [TestMethod]
    public async Task TokensOfAnswersThatAreGivenUpCount()
    {
        TestServer server = await TestServer.StartAsync();
        await using var serving = server.ConfigureAwait(false);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Ask[..^1].Replace("\"max_tokens\":8", "\"max_tokens\":900,\"ignore_eos\":true") + ""","stream":true}""") };
        using (HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            for (int i = 0; i < 6; i++) Assert.IsNotNull(await reader.ReadLineAsync());
        }
        Regex counted = new("edge_llm_generation_tokens_total ([0-9]+)\n"), prompts = new("edge_llm_prompt_tokens_total ([0-9]+)\n");
        for (int i = 0; ; i++)
        {
            string metrics = await server.Client.GetStringAsync("/metrics");
            if (int.Parse(counted.Match(metrics).Groups[1].Value) >= 2 && int.Parse(prompts.Match(metrics).Groups[1].Value) > 2) return;
            Assert.IsLessThan(600, i, "the answer was not counted");
            await Task.Delay(100);
        }
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public async Task PriorityIsForTheServerToAllow(bool isAllowed)
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 1, ClientPriority = isAllowed });
        await using var serving = server.ConfigureAwait(false);
        Task first = BeginAsync(1000, 900); // nobody takes its place
        await StartedAsync(1);
        Task low = BeginAsync(1, 8);
        await StartedAsync(2);
        Task high = BeginAsync(5, 8);
        await StartedAsync(3);
        Assert.AreSame(isAllowed ? high : low, await Task.WhenAny(low, high));
        await Task.WhenAll(first, low, high);
        await server.Client.RefusedAsync(400, "/v1/chat/completions", Ask[..^1] + ""","priority":1001}""");

        async Task BeginAsync(int priority, int tokens)
        {
            await server.Client.PostAsync("/v1/chat/completions", Ask[..^1].Replace("\"max_tokens\":8", $"\"max_tokens\":{tokens},\"ignore_eos\":true") + $",\"priority\":{priority}}}");
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

    [TestMethod]
    public async Task KeysOpenTheServer()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { ApiKeys = ["one", "two"] });
        await using var serving = server.ConfigureAwait(false);
        JsonElement error = await server.Client.RefusedAsync(401, "/v1/chat/completions", Ask, "an API key is needed");
        Assert.AreEqual("invalid_api_key", error.GetProperty("code").GetString());
        Assert.AreEqual(200, (int)(await server.Client.GetAsync("/health")).StatusCode);
        Assert.AreEqual(401, (int)(await server.Client.GetAsync("/metrics")).StatusCode);
        foreach ((string name, string value, int status) in ((string, string, int)[])[("Authorization", "Bearer one", 200), ("x-api-key", "two", 200), ("Authorization", "Bearer three", 401), ("Authorization", "one", 401)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Ask) };
            request.Headers.TryAddWithoutValidation(name, value);
            Assert.AreEqual(status, (int)(await server.Client.SendAsync(request)).StatusCode, value);
        }
    }

    [TestMethod]
    public async Task KeysShareNoCachedTexts()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { ApiKeys = ["one", "two"] });
        await using var serving = server.ConfigureAwait(false);
        string body = $$"""{"messages":[{"role":"user","content":"{{string.Concat(Enumerable.Repeat("the cat sat ", 60))}}"}],"max_tokens":1}""";
        Assert.AreEqual(0, await CachedAsync("one"));
        Assert.IsGreaterThanOrEqualTo(64, await CachedAsync("one"));
        Assert.AreEqual(0, await CachedAsync("two"));

        async Task<int> CachedAsync(string key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(body), Headers = { Authorization = new("Bearer", key) } };
            using HttpResponseMessage response = await server.Client.SendAsync(request);
            JsonElement reply = JsonElement.Parse(await response.Content.ReadAsStringAsync());
            return reply.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32();
        }
    }

    [TestMethod]
    [DataRow("evil.example", null, 403)]
    [DataRow("127.0.0.1.evil.example", null, 403)]
    [DataRow("localhost", "https://evil.example", 403)]
    [DataRow("localhost", "null", 403)]
    [DataRow("localhost", "https://friend.example", 200)]
    [DataRow("localhost", "http://localhost", 200)]
    [DataRow("[::1]", null, 200)]
    public async Task PagesOfOthersAreKeptOut(string host, string? origin, int status)
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { CorsOrigins = ["https://friend.example"] });
        await using var serving = server.ConfigureAwait(false);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health") { Headers = { Host = host } };
        if (origin is not null) request.Headers.Add("Origin", origin);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.AreEqual(status, (int)response.StatusCode);
        Assert.AreEqual(status == 200 && origin == "https://friend.example", response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [TestMethod]
    public async Task AFullQueueSaysWhenToComeBack()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 1, Queue = 0 });
        await using var serving = server.ConfigureAwait(false);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Ask[..^1].Replace("\"max_tokens\":8", "\"max_tokens\":900,\"ignore_eos\":true") + ""","stream":true}""") };
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
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Ask[..^1].Replace("\"max_tokens\":8", "\"max_tokens\":200,\"ignore_eos\":true") + ""","stream":true}""") };
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
            using var client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=localhost" } })
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
            CollectionAssert.AreEqual((string[])["serve", "--port", "8081", "--quiet", "--model", "chat=x.gguf", "--port", "9"], ConfigFile.Expand(["serve", "--config", file, "--port", "9"]));
            File.WriteAllText(file, "port = 1\n--quiet\n");
            Assert.Contains(":2:", Assert.ThrowsExactly<UsageException>(() => ConfigFile.Expand(["serve", "--config", file])).Message);
            CollectionAssert.AreEqual((string[])["run", "--config", file], ConfigFile.Expand(["run", "--config", file]));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<string> TextAsync(TestServer server, string body) =>
        (await server.Client.PostAsync("/v1/chat/completions", body)).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

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
