using System.Text.Json;
using Edge.Llm.Cli.Serve;

namespace Edge.Llm.Tests.Serve;

/// <summary>Who may call a server: keys, and pages of other origins.</summary>
[TestClass]
public sealed class AccessTests
{
    private const string Ask = """{"messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":8,"temperature":0}""";

    [TestMethod]
    public async Task KeysOpenTheServer()
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions { ApiKeys = ["one", "two"] });
        await using var serving = server.ConfigureAwait(false);
        JsonElement error = await server.Client.RefusedAsync(401, "/v1/chat/completions", Ask, "an API key is needed");
        Assert.AreEqual("invalid_api_key", error.GetProperty("code").GetString());
        Assert.AreEqual(200, (int)(await server.Client.GetAsync("/health")).StatusCode);
        Assert.AreEqual(401, (int)(await server.Client.GetAsync("/metrics")).StatusCode);
        (string Name, string Value, int Status)[] cases =
            [("Authorization", "Bearer one", 200), ("x-api-key", "two", 200), ("Authorization", "Bearer three", 401), ("Authorization", "one", 401)];
        foreach ((string name, string value, int status) in cases)
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
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(body) };
            request.Headers.Authorization = new("Bearer", key);
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
}
