using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>Many clients at a time, of all manners: each answer that ends is the one that its request gets alone.</summary>
[TestClass]
public sealed class StreamsTests
{
    private static readonly string s_long = string.Concat(Enumerable.Repeat("the cat sat ", 1000));

    private readonly ConcurrentQueue<double> _firstEvents = [], _gaps = [];
    private int _ended, _left, _refused;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task EachStreamIsTheAnswerThatItsRequestGetsAlone()
    {
        int clients = Settings.Full ? 64 : 16;
        TimeSpan time = Settings.Full ? TimeSpan.FromMinutes(5) : TimeSpan.FromSeconds(6);
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 8, Queue = 128 });
        await using var serving = server.ConfigureAwait(false);
        (string Body, string Text)[] requests = new (string, string)[32];
        for (int i = 0; i < requests.Length; i++) requests[i] = (Request(i), await StoryAsync(server, Request(i)));
        int free = server.Models.Slots[0].Loaded!.Context.FreeCacheBlocks;
        long before = GC.GetTotalMemory(forceFullCollection: true);
        using var limit = new CancellationTokenSource(time);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() => ClientAsync(server, requests, new Random(client), limit.Token))));
        // Blocks of answers whose readers have left come back at the next step.
        for (int i = 0; i < 500 && server.Models.Slots[0].Leases > 0; i++) await Task.Delay(10);
        await StoryAsync(server, requests[0].Body);
        TestContext.WriteLine($"{clients} clients: {_ended} answers ended, {_left} were left, {_refused} refused; first event p50 {At(_firstEvents, 0.5):0} ms, p99 {At(_firstEvents, 0.99):0}; "
            + $"between events p50 {At(_gaps, 0.5):0.0} ms, p99 {At(_gaps, 0.99):0.0}; memory {before >> 20} to {GC.GetTotalMemory(forceFullCollection: true) >> 20} MiB");
        Assert.IsTrue(_ended > 0 && _left > 0 && _refused > 0);
        Assert.AreEqual(0, server.Models.Slots[0].Leases);
        Assert.AreEqual(free, server.Models.Slots[0].Loaded!.Context.FreeCacheBlocks);
        Assert.IsLessThan(64L << 20, GC.GetTotalMemory(forceFullCollection: true) - before);
    }

    private static string Request(int i) =>
        $$"""{"messages":[{"role":"user","content":"Tell me a story about number {{i % 7}}."}],"max_tokens":{{8 + i * 5 % 60}},"seed":{{i}},"temperature":{{(i % 3 == 0 ? 0 : 1)}},"stream":true}""";

    private async Task ClientAsync(TestServer server, (string Body, string Text)[] requests, Random random, CancellationToken limit)
    {
        while (!limit.IsCancellationRequested)
        {
            (string body, string text) = requests[random.Next(requests.Length)];
            switch (random.Next(8))
            {
                case 0: await RefusedAsync(server); break;
                case 1 or 2: await ReadAsync(server, body, stopAfter: random.Next(12), wait: 0); break;
                case 3: Assert.AreEqual(text, await ReadAsync(server, body, int.MaxValue, wait: 5)); break;
                default: Assert.AreEqual(text, await ReadAsync(server, body, int.MaxValue, wait: 0)); break;
            }
        }
    }

    private static Task<string> StoryAsync(TestServer server, string body) => new StreamsTests().ReadAsync(server, body, int.MaxValue, 0);

    // Closes the connection after some events.
    private async Task<string> ReadAsync(TestServer server, string body, int stopAfter, int wait)
    {
        long started = Stopwatch.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(body) };
        using HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        string text = "";
        int events = 0;
        while (await lines.ReadLineAsync() is { } line)
        {
            if (line == "data: [DONE]")
            {
                Interlocked.Increment(ref _ended);
                return text;
            }
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            (events == 0 ? _firstEvents : _gaps).Enqueue(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            started = Stopwatch.GetTimestamp();
            if (JsonElement.Parse(line["data: ".Length..]).GetProperty("choices")[0].GetProperty("delta").TryGetProperty("content", out JsonElement content)) text += content.GetString();
            if (events++ == stopAfter)
            {
                Interlocked.Increment(ref _left);
                return text;
            }
            if (wait > 0) await Task.Delay(wait);
        }
        Assert.Fail("the stream broke off: " + text);
        return text;
    }

    private async Task RefusedAsync(TestServer server)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/chat/completions", ServeAssert.Json($$"""{"messages":[{"role":"user","content":"{{s_long}}"}],"stream":true}"""));
        Assert.AreEqual(HttpStatusCode.BadRequest, response.StatusCode);
        Interlocked.Increment(ref _refused);
    }

    private static double At(IEnumerable<double> values, double part)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : sorted[(int)(part * (sorted.Length - 1))];
    }
}
