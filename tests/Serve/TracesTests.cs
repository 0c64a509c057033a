using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Operations;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Tests.Serve;

/// <summary>Spans as a collector of OpenTelemetry gets them.</summary>
[TestClass]
public sealed class TracesTests
{
    private const string Ask = """{"messages":[{"role":"user","content":"Tell me a secret."}],"max_tokens":8,"temperature":0,"ignore_eos":true}""";
    private const string Trace = "0af7651916cd43dd8448eb211c80319c", Parent = "b7ad6b7169203331";

    [TestMethod]
    public async Task ARequestIsASpan()
    {
        using var collector = new Collector();
        TestServer server = await TestServer.StartAsync(new ServerOptions { Traces = collector.Url });
        await using (server.ConfigureAwait(false))
        {
            await server.Client.GetAsync("/health");
            await PostAsync(server, "/v1/chat/completions", Ask, $"00-{Trace}-{Parent}-00"); // its caller records nothing
            await PostAsync(server, "/v1/chat/completions", Ask, $"00-{Trace}-{Parent}-01");
            await PostAsync(server, "/v1/completions", """{"prompt":"A secret","max_tokens":3,"ignore_eos":true,"n":2}""", "00-no-trace-01");
            await PostAsync(server, "/v1/chat/completions", """{"messages":7}""", null, HttpStatusCode.BadRequest);
            await PostAsync(server, "/v1/nothing", Ask, null, HttpStatusCode.NotFound); // anybody can ask for that
            await PostAsync(server, "/health", Ask, null, HttpStatusCode.MethodNotAllowed);
        }
        JsonElement[] spans = collector.Spans;
        Assert.HasCount(3, spans);
        JsonElement chat = spans[0];
        Assert.AreEqual((Trace, Parent), (chat.GetProperty("traceId").GetString(), chat.GetProperty("parentSpanId").GetString()));
        Assert.AreEqual(("chat small", 2), (chat.GetProperty("name").GetString(), chat.GetProperty("kind").GetInt32()));
        Assert.AreEqual(16, chat.GetProperty("spanId").GetString()!.Length);
        long start = long.Parse(chat.GetProperty("startTimeUnixNano").GetString()!), end = long.Parse(chat.GetProperty("endTimeUnixNano").GetString()!);
        Assert.IsLessThan(end, start);
        Assert.AreEqual("8", Value(chat, "gen_ai.usage.output_tokens").GetProperty("intValue").GetString());
        Assert.AreNotEqual("0", Value(chat, "gen_ai.usage.input_tokens").GetProperty("intValue").GetString());
        JsonElement finishes = Value(chat, "gen_ai.response.finish_reasons").GetProperty("arrayValue").GetProperty("values");
        Assert.AreEqual("length", finishes[0].GetProperty("stringValue").GetString());
        Assert.IsInRange(0, (end - start) / 1e9, Value(chat, "gen_ai.latency.time_to_first_token").GetProperty("doubleValue").GetDouble());
        Assert.AreEqual(("text_completion small", 32), (spans[1].GetProperty("name").GetString(), spans[1].GetProperty("traceId").GetString()!.Length));
        Assert.IsFalse(spans[1].TryGetProperty("parentSpanId", out _));
        Assert.AreEqual("6", Value(spans[1], "gen_ai.usage.output_tokens").GetProperty("intValue").GetString());
        Assert.AreEqual("400", Value(spans[2], "error.type").GetProperty("stringValue").GetString());
        foreach (string body in collector.Bodies) Assert.DoesNotContain("secret", body);
    }

    [TestMethod]
    public async Task WithoutACollectorAnswersCome()
    {
        Uri url;
        using (var collector = new Collector()) url = collector.Url;
        TestServer server = await TestServer.StartAsync(new ServerOptions { Traces = url });
        await using var serving = server.ConfigureAwait(false);
        for (int i = 0; i < 3; i++) await PostAsync(server, "/v1/chat/completions", Ask, null);
    }

    [TestMethod]
    public async Task CallersWithoutAKeyMakeNoSpans()
    {
        using var collector = new Collector();
        TestServer server = await TestServer.StartAsync(new ServerOptions { Traces = collector.Url, ApiKeys = ["one"] });
        await using (server.ConfigureAwait(false))
        {
            await PostAsync(server, "/v1/chat/completions", Ask, null, HttpStatusCode.Unauthorized);
            server.Client.DefaultRequestHeaders.Add("x-api-key", "one");
            await PostAsync(server, "/v1/chat/completions", Ask, null);
        }
        Assert.AreEqual("200", Value(collector.Spans.Single(), "http.response.status_code").GetProperty("intValue").GetString());
    }

    [TestMethod]
    public async Task TheQueryOfTheUrlIsKept()
    {
        using var collector = new Collector();
        TestServer server = await TestServer.StartAsync(new ServerOptions { Traces = new Uri(collector.Url, "?tenant=a%26b") });
        await using (server.ConfigureAwait(false)) await PostAsync(server, "/v1/chat/completions", Ask, null);
        Assert.AreEqual("/v1/traces?tenant=a%26b", collector.Paths.Single());
    }

    [TestMethod]
    public async Task AnAnswerOfAnyLengthIsTaken()
    {
        using var collector = new Collector { Answer = new byte[8 << 20] };
        var said = new List<string>();
        var traces = new Traces(collector.Url, said.Add);
        await using (traces.ConfigureAwait(false)) AddSpan(traces);
        Assert.HasCount(1, collector.Spans);
        Assert.IsEmpty(said);
    }

    [TestMethod]
    public async Task ACollectorThatRefusesIsNamedOnce()
    {
        using var collector = new Collector { Status = 503 };
        var said = new List<string>();
        var traces = new Traces(new Uri(collector.Url, "?token=secret"), said.Add);
        await using (traces.ConfigureAwait(false))
            for (int i = 0; i < 600; i++) AddSpan(traces); // three batches
        Assert.HasCount(600, collector.Spans);
        Assert.AreEqual("traces are lost: 127.0.0.1: 503 Service Unavailable", said.Single());
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = false)]
    public async Task ACollectorThatIsSilentIsWaitedForOnce()
    {
        using var goesOn = new ManualResetEventSlim();
        using var collector = new Collector { GoesOn = goesOn };
        var said = new List<string>();
        var traces = new Traces(collector.Url, said.Add);
        for (int i = 0; i < 2000; i++) AddSpan(traces); // eight batches
        await traces.DisposeAsync();
        Assert.AreEqual("traces are lost: 127.0.0.1: no answer", said.Single());
        goesOn.Set();
    }

    private static void AddSpan(Traces traces)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = HttpMethods.Post;
        using var context = new RequestContext(http, null!, "", "id");
        traces.Add(context, "/v1/chat/completions", 200, Stopwatch.GetTimestamp());
    }

    private static async Task PostAsync(TestServer server, string path, string body, string? caller, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = ServeAssert.Json(body) };
        if (caller is not null) request.Headers.Add("traceparent", caller);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.AreEqual(expected, response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static JsonElement Value(JsonElement span, string key) =>
        span.GetProperty("attributes").EnumerateArray().Single(attribute => attribute.GetProperty("key").GetString() == key).GetProperty("value");

    private sealed class Collector : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Collector()
        {
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                Url = new Uri($"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/");
            }
            _listener.Prefixes.Add(Url.AbsoluteUri);
            _listener.Start();
            Task.Run(ServeAsync);
        }

        public Uri Url { get; }

        public ConcurrentQueue<string> Bodies { get; } = [];

        public ConcurrentQueue<string> Paths { get; } = [];

        /// <summary>How it answers.</summary>
        public byte[] Answer { get; init; } = [];

        public int Status { get; init; } = 200;

        /// <summary>When it answers; null: at once.</summary>
        public ManualResetEventSlim? GoesOn { get; init; }

        public JsonElement[] Spans => [.. Bodies.SelectMany(body =>
            JsonElement.Parse(body).GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0].GetProperty("spans").EnumerateArray())];

        public void Dispose() => _listener.Close();

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    using var reader = new StreamReader(context.Request.InputStream);
                    string body = await reader.ReadToEndAsync();
                    Paths.Enqueue(context.Request.RawUrl!);
                    if (context.Request.Url!.AbsolutePath == "/v1/traces" && context.Request.ContentType == "application/json") Bodies.Enqueue(body);
                    GoesOn?.Wait();
                    context.Response.StatusCode = Status;
                    await AnswerAsync(context.Response);
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        // Awaited here: what goes wrong in an answer that nobody waits for ends the process.
        private async Task AnswerAsync(HttpListenerResponse response)
        {
            try
            {
                response.ContentLength64 = Answer.Length;
                await response.OutputStream.WriteAsync(Answer);
                response.Close();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException)
            {
                // The server has hung up: it reads no answer.
            }
        }
    }
}
