using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Edge.Llm.Cli.Serve;

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
            await PostAsync(server, "/v1/chat/completions", """{"messages":7}""", null);
        }
        JsonElement[] spans = [.. collector.Bodies.SelectMany(body => JsonElement.Parse(body).GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0].GetProperty("spans").EnumerateArray())];
        Assert.HasCount(3, spans);
        JsonElement chat = spans[0];
        Assert.AreEqual((Trace, Parent, "chat small", 2), (chat.GetProperty("traceId").GetString(), chat.GetProperty("parentSpanId").GetString(), chat.GetProperty("name").GetString(), chat.GetProperty("kind").GetInt32()));
        Assert.AreEqual(16, chat.GetProperty("spanId").GetString()!.Length);
        long start = long.Parse(chat.GetProperty("startTimeUnixNano").GetString()!), end = long.Parse(chat.GetProperty("endTimeUnixNano").GetString()!);
        Assert.IsLessThan(end, start);
        Assert.AreEqual("8", Value(chat, "gen_ai.usage.output_tokens").GetProperty("intValue").GetString());
        Assert.AreNotEqual("0", Value(chat, "gen_ai.usage.input_tokens").GetProperty("intValue").GetString());
        Assert.AreEqual("length", Value(chat, "gen_ai.response.finish_reasons").GetProperty("arrayValue").GetProperty("values")[0].GetProperty("stringValue").GetString());
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
        Assert.AreEqual(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
    }

    private static async Task PostAsync(TestServer server, string path, string body, string? caller)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = ServeAssert.Json(body) };
        if (caller is not null) request.Headers.Add("traceparent", caller);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        await response.Content.ReadAsStringAsync();
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
                    if (context.Request.Url!.AbsolutePath == "/v1/traces" && context.Request.ContentType == "application/json") Bodies.Enqueue(body);
                    context.Response.Close();
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
