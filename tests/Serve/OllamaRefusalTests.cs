using System.Net;
using System.Text.Json;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Ollama;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Tests.Serve;

/// <summary>What /api does not take, and how it says so.</summary>
[TestClass]
public sealed class OllamaRefusalTests
{
    private static TestServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _) => s_server = await TestServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [DataRow("chat", "", "empty")]
    [DataRow("chat", "[]", "no object")]
    [DataRow("chat", "{}", "model is required")]
    [DataRow("chat", """{"model":""}""", "model is required")]
    [DataRow("chat", """{"model":5}""", "model: expected a string")]
    [DataRow("chat", """{"model":"small","messages":"x"}""", "messages: expected an array")]
    [DataRow("chat", """{"model":"small","messages":[{"role":"user","content":["x"]}]}""", "messages[0].content: expected a string")]
    [DataRow("chat", """{"model":"small","messages":[{"role":"pirate","content":"x"}]}""", "messages[0].role: expected system, user, assistant, tool")]
    [DataRow("chat", """{"model":"small","messages":[{"role":"user","content":"x","images":["AAAA"]}]}""", "messages[0].images: images are not supported")]
    [DataRow("chat", """{"model":"small","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}""", "arguments: expected an object")]
    [DataRow("chat", """{"model":"small","stream":"yes"}""", "stream: expected true or false")]
    [DataRow("chat", """{"model":"small","options":[]}""", "options")]
    [DataRow("chat", """{"model":"small","options":{"temperature":"hot"}}""", "options.temperature: expected a number")]
    [DataRow("chat", """{"model":"small","options":{"num_predict":1.5}}""", "options.num_predict: expected an integer")]
    [DataRow("chat", """{"model":"small","options":{"num_ctx":0}}""", "options.num_ctx: expected 1 or more")]
    [DataRow("chat", """{"model":"small","options":{"num_gpu":-2}}""", "options.num_gpu: expected -1 or more")]
    [DataRow("generate", """{"model":"small","options":{"num_gpu":"all"}}""", "options.num_gpu")]
    [DataRow("chat", """{"model":"small","keep_alive":"soon"}""", "keep_alive: expected a number of seconds or a duration")]
    [DataRow("chat", """{"model":"small","keep_alive":"5"}""", "keep_alive")]
    [DataRow("chat", """{"model":"small","think":"hard"}""", "think: expected low, medium, high")]
    [DataRow("chat", """{"model":"small","format":"yaml"}""", "format: expected")]
    [DataRow("chat", """{"model":"small","messages":[{"role":"user","content":"x"}],"format":{"type":"cat"}}""", "type")]
    [DataRow("chat", """{"model":"small","tools":{},"messages":[{"role":"user","content":"x"}]}""", "tools: expected an array")]
    [DataRow("chat", """{"model":"small","tools":[{"type":"function"}],"messages":[{"role":"user","content":"x"}]}""", "tool")]
    [DataRow("generate", """{"model":"small","prompt":5}""", "prompt: expected a string")]
    [DataRow("generate", """{"model":"small","prompt":"x","suffix":"y"}""", "does not support insert")]
    [DataRow("generate", """{"model":"small","prompt":"x","template":"{{ .Prompt }}"}""", "template: templates of requests are not supported")]
    [DataRow("generate", """{"model":"small","prompt":"x","images":["AAAA"]}""", "images: images are not supported")]
    [DataRow("generate", """{"model":"small","prompt":"x","raw":true,"system":"y"}""", "raw mode")]
    [DataRow("generate", """{"model":"small","prompt":"x","context":[1,99999]}""", "context[1]: expected 0 to 2047")]
    [DataRow("embed", """{"model":"small"}""", "missing required parameter: 'input'")]
    [DataRow("embed", """{"model":"small","input":[1]}""", "input[0]: expected a string")]
    [DataRow("embed", """{"model":"small","input":""}""", "empty")]
    [DataRow("embed", """{"model":"small","input":"x","options":{"num_gpu":1.5}}""", "options.num_gpu: expected an integer")]
    [DataRow("embed", """{"model":"small","input":"x","dimensions":100000}""", "dimensions: expected at most 256")]
    [DataRow("embeddings", """{"model":"small","prompt":["x"]}""", "prompt: expected a string")]
    [DataRow("show", "{}", "model is required")]
    [DataRow("show", """{"model":"small","verbose":1}""", "verbose: expected true or false")]
    public Task BadRequestsAreToldWhatIsWrong(string path, string body, string says) => s_server.Client.RefusedAsOllamaAsync(400, "/api/" + path, body, says);

    [TestMethod]
    [DataRow("chat", """{"model":"other","messages":[{"role":"user","content":"x"}]}""")]
    [DataRow("chat", """{"model":"other","keep_alive":0}""")]
    [DataRow("generate", """{"model":"other","prompt":"x"}""")]
    [DataRow("embed", """{"model":"other","input":"x"}""")]
    [DataRow("show", """{"model":"other"}""")]
    public Task AModelThatThereIsNotIsNotFound(string path, string body) => s_server.Client.RefusedAsOllamaAsync(404, "/api/" + path, body, "'other'");

    [TestMethod]
    [DataRow("POST", "pull")]
    [DataRow("POST", "push")]
    [DataRow("POST", "create")]
    [DataRow("POST", "copy")]
    [DataRow("DELETE", "delete")]
    [DataRow("POST", "blobs/sha256:00")]
    public async Task ModelsAreNotChanged(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/api/" + path) { Content = ServeAssert.Json("""{"model":"x"}""") };
        using HttpResponseMessage response = await s_server.Client.SendAsync(request);
        Assert.AreEqual(HttpStatusCode.NotImplemented, response.StatusCode);
        Assert.Contains("edge-llm pull", JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("error").GetString()!);
    }

    [TestMethod]
    [DataRow("300", 300)]
    [DataRow("0", 0)]
    [DataRow("-1", -1)]
    [DataRow("0.5", 0.5)]
    [DataRow("1e300", 864_000_000)]
    [DataRow("\"5m\"", 300)]
    [DataRow("\"1h30m10s\"", 5410)]
    [DataRow("\"1.5h\"", 5400)]
    [DataRow("\"250ms\"", 0.25)]
    [DataRow("\"0\"", 0)]
    [DataRow("\"-1m\"", -1)]
    [DataRow("\"99999999h\"", 864_000_000)]
    public void DurationsAreGos(string json, double seconds) => Assert.AreEqual(seconds, KeepAlive.Read(new Field(JsonElement.Parse(json), "keep_alive")).TotalSeconds, 1e-6);

    [TestMethod]
    [DataRow("\"\"")]
    [DataRow("\"m\"")]
    [DataRow("\"5\"")]
    [DataRow("\"5 m\"")]
    [DataRow("\"5d\"")]
    [DataRow("\"1..5s\"")]
    [DataRow("true")]
    public void WhatIsNoDurationIsRefused(string json) => Assert.ThrowsExactly<ApiException>(() => KeepAlive.Read(new Field(JsonElement.Parse(json), "keep_alive")));

    [TestMethod]
    [DataRow(999, "999")]
    [DataRow(260_032, "260K")]
    [DataRow(494_032_768, "494.03M")]
    [DataRow(1_543_714_304, "1.5B")]
    [DataRow(70_553_706_496, "70.6B")]
    [DataRow(8_000_000_000, "8B")]
    public void CountsAreShortened(long count, string text) => Assert.AreEqual(text, ModelCard.Count(count));

    [TestMethod]
    public void ToolsAnswerTheCallsThatStandBefore()
    {
        Field messages = new(JsonElement.Parse("""
            [{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"x":[1]}}},{"id":"given","function":{"name":"g"}},{"function":{"name":"f"}}]},
             {"role":"tool","tool_name":"g","content":"1"},{"role":"tool","content":"2"},{"role":"tool","tool_name":"f","content":"3"},{"role":"tool","tool_name":"h","content":"4"},
             {"role":"assistant","thinking":"hm","content":"ok"}]
            """), "messages");
        List<ChatMessage> read = OllamaMessages.Read(messages);
        Assert.AreEqual("given call00000 call00002 -", string.Join(' ', read[1..5].Select(message => Member(message, "tool_call_id"))));
        Assert.AreEqual("g f f h", string.Join(' ', read[1..5].Select(message => Member(message, "name"))));
        JsonElement[] calls = [.. read[0].Members.Single(member => member.Key == "tool_calls").Value.EnumerateArray()];
        Assert.AreEqual("""{"x":[1]} {} {}""", string.Join(' ', calls.Select(call => call.GetProperty("function").GetProperty("arguments").GetString())));
        Assert.AreEqual("hm", Member(read[5], "reasoning_content"));

        static string Member(ChatMessage message, string name) => message.Members.FirstOrDefault(member => member.Key == name).Value is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "-";
    }
}
