using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Serve;

namespace Edge.Llm.Tests.Serve;

/// <summary>Whatever is sent, the server lives, answers others with the same texts, and says no with a status.</summary>
[TestClass]
public sealed class HostileTests
{
    private const string Ask = """{"messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":16,"temperature":0}""";

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task NothingThatIsSentEndsTheServer()
    {
        Assert.IsGreaterThanOrEqualTo(100, HostileRequests.All.Count);
        TestServer server = await TestServer.StartAsync(new ServerOptions { Parallel = 4, Queue = 1000 });
        await using var serving = server.ConfigureAwait(false);
        string expected = await StoryAsync(server);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        using var ended = new CancellationTokenSource();
        Task<double> watching = WatchAsync(server, expected, ended.Token);
        await Parallel.ForEachAsync(HostileRequests.All, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (request, _) =>
        {
            string reply = await SendAsync(server.Address, request);
            TestContext.WriteLine($"{request.Name}: {(reply.Length == 0 ? "closed" : reply.Split('\r')[0])}");
            if (!reply.StartsWith("HTTP/1.1 ", StringComparison.Ordinal)) return; // it was hung up on
            int status = int.Parse(reply.AsSpan("HTTP/1.1 ".Length, 3), System.Globalization.CultureInfo.InvariantCulture);
            Assert.IsTrue(status is 100 or (>= 200 and < 500) or 501 or 503 or 505, $"{request.Name}: {reply[..Math.Min(reply.Length, 600)]}");
        });
        await ended.CancelAsync();
        TestContext.WriteLine($"the longest that another client waited: {await watching:0.00} s");
        Assert.AreEqual(expected, await StoryAsync(server));
        long after = GC.GetTotalMemory(forceFullCollection: true);
        TestContext.WriteLine($"memory: {before >> 20} MiB before, {after >> 20} after");
        Assert.IsLessThan(100L << 20, after - before);
    }

    // A client beside all that: the same answer, again and again.
    private static async Task<double> WatchAsync(TestServer server, string expected, CancellationToken cancellation)
    {
        double longest = 0;
        while (!cancellation.IsCancellationRequested)
        {
            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            Assert.AreEqual(expected, await StoryAsync(server));
            longest = Math.Max(longest, System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return longest;
    }

    private static async Task<string> StoryAsync(TestServer server)
    {
        JsonElement reply = await server.Client.PostAsync("/v1/chat/completions", Ask);
        return reply.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
    }

    // The beginning of what comes back; empty: the connection was closed. One that holds its request back is dropped after a while.
    private static async Task<string> SendAsync(Uri address, HostileRequest request)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address.Host, address.Port);
        using var limit = new CancellationTokenSource(request.Holds ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(60));
        var reply = new MemoryStream();
        byte[] buffer = new byte[16384];
        try
        {
            Task sending = SendAllAsync(socket, request.Bytes, limit.Token);
            for (int read; (read = await socket.ReceiveAsync(buffer, limit.Token)) > 0 && reply.Length < 1 << 20;)
            {
                reply.Write(buffer, 0, read);
                limit.CancelAfter(TimeSpan.FromSeconds(2)); // its status is there: a connection that is kept alive ends so
            }
            await sending;
        }
        catch (SocketException)
        {
            // the server has closed it, with what it said before
        }
        catch (OperationCanceledException) when (request.Holds || reply.Length > 0)
        {
            // kept alive, or held
        }
        return Encoding.Latin1.GetString(reply.GetBuffer(), 0, (int)Math.Min(reply.Length, 2000));
    }

    private static async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            while (bytes.Length > 0) bytes = bytes[await socket.SendAsync(bytes, cancellation)..];
        }
        catch (SocketException)
        {
            // refused half-way: what the server said tells why
        }
    }
}
