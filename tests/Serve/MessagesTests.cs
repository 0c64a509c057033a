using System.Text.Json;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Anthropic;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Tests.Serve;

/// <summary>/v1/messages, as Anthropic has it.</summary>
[TestClass]
public sealed class MessagesTests
{
    private const string Path = "/v1/messages";
    private const string Ask = "\"messages\":[{\"role\":\"user\",\"content\":\"?\"}]";
    private const string Tools = """
        [{"type":"web_search_20250305","name":"web_search"},{"name":"now","input_schema":{"type":"object"}},
         {"type":"custom","name":"get","description":"gets","input_schema":{"type":"object","properties":{"n":{"enum":[7]}},"required":["n"]}}]
        """;

    private static ScriptedServer s_server = null!;
    private static HttpClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_server = await ScriptedServer.StartAsync();
        s_client = s_server.Server.Client;
    }

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [DataRow("end_turn", "text", "\"model\":\"small\",\"max_tokens\":40,\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]")]
    [DataRow("max_tokens", "text", "\"model\":\"small\",\"max_tokens\":5,\"seed\":3,\"ignore_eos\":true," + Ask)]
    [DataRow("stop_sequence", "text", "\"model\":\"small\",\"max_tokens\":40,\"seed\":3,\"ignore_eos\":true,\"stop_sequences\":[\"#\",\" \"]," + Ask)]
    [DataRow("max_tokens", "thinking", "\"model\":\"scripted\",\"max_tokens\":2,\"temperature\":0," + Ask)]
    [DataRow("model_context_window_exceeded", "text", "\"model\":\"scripted\",\"max_tokens\":900,\"temperature\":2,\"seed\":1,\"ignore_eos\":true,\"logit_bias\":{\"260\":-100}," + Ask)]
    [DataRow("tool_use", "thinking text tool_use", "\"model\":\"scripted\",\"max_tokens\":90,\"temperature\":0,\"seed\":1,\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}," + Ask + ",\"tools\":" + Tools)]
    public async Task TheEventsOfAMessageAreTheMessage(string reason, string blocks, string request)
    {
        JsonElement whole = await s_client.PostAsync(Path, $"{{{request}}}");
        Assert.AreEqual(reason, whole.GetProperty("stop_reason").GetString());
        Assert.AreEqual(reason == "stop_sequence" ? " " : null, whole.GetProperty("stop_sequence").GetString());
        Assert.AreEqual(blocks, string.Join(' ', whole.GetProperty("content").EnumerateArray().Select(block => block.GetProperty("type").GetString())));
        (string content, JsonElement end) = Rebuild(await s_client.NamedEventsAsync(Path, $"{{{request},\"stream\":true}}"));
        Assert.IsTrue(JsonElement.DeepEquals(whole.GetProperty("content"), JsonElement.Parse(content)), $"{whole}\n{content}");
        Assert.AreEqual(reason, end.GetProperty("delta").GetProperty("stop_reason").GetString());
        Assert.AreEqual(whole.GetProperty("stop_sequence").GetString(), end.GetProperty("delta").GetProperty("stop_sequence").GetString());
        Assert.AreEqual(whole.GetProperty("usage").GetProperty("output_tokens").GetInt32(), end.GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [TestMethod]
    public async Task PartsOfAnAnswerAreBlocks()
    {
        JsonElement content = (await s_client.PostAsync(Path, $$"""{"model":"scripted","max_tokens":90,"temperature":0,{{Ask}},"tools":{{Tools}} }""")).GetProperty("content");
        Assert.AreEqual("hmso", content[0].GetProperty("thinking").GetString());
        Assert.AreEqual("HiHo", content[1].GetProperty("text").GetString());
        Assert.Contains(content[2].GetProperty("name").GetString(), (string[])["now", "get"]);
        Assert.AreEqual(JsonValueKind.Object, content[2].GetProperty("input").ValueKind);
    }

    [TestMethod]
    public async Task ACallThatIsCutOffIsText()
    {
        string request = $$"""{"model":"small","max_tokens":300,"seed":1,{{Ask}},"tools":{{Tools}},"tool_choice":{"type":"tool","name":"get"},"stop_sequences":["7"]""";
        JsonElement whole = await s_client.PostAsync(Path, request + "}");
        Assert.AreEqual("stop_sequence", whole.GetProperty("stop_reason").GetString());
        Assert.Contains("\"get\"", whole.GetProperty("content")[0].GetProperty("text").GetString()!);
        JsonElement[] events = await s_client.NamedEventsAsync(Path, request + ",\"stream\":true}");
        Assert.AreEqual("tool_use", events.Single(one => one.GetProperty("type").GetString() == "content_block_start").GetProperty("content_block").GetProperty("type").GetString());
    }

    [TestMethod]
    [DataRow("""{"type":"any","disable_parallel_tool_use":true}""", "now get")]
    [DataRow("""{"type":"tool","name":"get"}""", "get")]
    [DataRow("""{"type":"none"}""", "")]
    public async Task AChoiceOfToolsHolds(string choice, string names)
    {
        JsonElement message = await s_client.PostAsync(Path, $$"""{"model":"small","max_tokens":200,"seed":2,{{Ask}},"tools":{{Tools}},"tool_choice":{{choice}} }""");
        JsonElement[] calls = [.. message.GetProperty("content").EnumerateArray().Where(block => block.GetProperty("type").GetString() == "tool_use")];
        Assert.HasCount(names.Length == 0 ? 0 : 1, calls);
        foreach (JsonElement call in calls)
        {
            Assert.Contains(call.GetProperty("name").GetString()!, names.Split(' '));
            if (call.GetProperty("name").GetString() == "get") Assert.AreEqual(7, call.GetProperty("input").GetProperty("n").GetInt32());
        }
    }

    [TestMethod]
    public async Task AnErrorOnTheWayEndsTheStream()
    {
        string request = $$"""{"model":"failing","max_tokens":20,"temperature":0,{{Ask}}""";
        JsonElement[] events = await s_client.NamedEventsAsync(Path, request + ",\"stream\":true}");
        Assert.AreEqual("message_start", events[0].GetProperty("type").GetString());
        Assert.AreEqual("api_error", events[^1].GetProperty("error").GetProperty("type").GetString());
        await RefusedAsync(500, "api_error", Path, request + "}");
    }

    [TestMethod]
    public async Task ThinkingIsWhatTheTemplateIsTold()
    {
        int Count(JsonElement reply) => reply.GetProperty("input_tokens").GetInt32();
        string[] ways = ["", ",\"thinking\":{\"type\":\"disabled\"}", ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", ",\"thinking\":{\"type\":\"adaptive\"}"];
        var counts = new List<int>();
        foreach (string way in ways) counts.Add(Count(await s_client.PostAsync(Path + "/count_tokens", $$"""{"model":"scripted",{{Ask}}{{way}}}""")));
        CollectionAssert.AreEqual((int[])[counts[0], counts[0], counts[0] + 1, counts[0] + 1], counts); // the template writes a + where it may think
        JsonElement brief = await s_client.PostAsync(Path, $$"""{"model":"scripted","max_tokens":30,"temperature":0,{{Ask}},"thinking":{"type":"enabled","budget_tokens":1} }""");
        Assert.AreEqual("hm", brief.GetProperty("content")[0].GetProperty("thinking").GetString());
    }

    [TestMethod]
    public async Task CountsAreThoseOfTheAnswer()
    {
        string prompt = $$"""{"model":"small","system":"{{string.Concat(Enumerable.Repeat("Be brief. ", 40))}}",{{Ask}},"tools":{{Tools}}""";
        int count = (await s_client.PostAsync(Path + "/count_tokens", prompt + "}")).GetProperty("input_tokens").GetInt32();
        for (int i = 0; i < 2; i++)
        {
            JsonElement usage = (await s_client.PostAsync(Path, prompt + ",\"max_tokens\":4,\"tool_choice\":{\"type\":\"auto\"},\"seed\":1}")).GetProperty("usage");
            int cached = usage.GetProperty("cache_read_input_tokens").GetInt32();
            Assert.AreEqual(count, usage.GetProperty("input_tokens").GetInt32() + cached);
            Assert.AreEqual(i > 0, cached > 0, "the second one finds what the first one left");
        }
    }

    [TestMethod]
    public void BlocksOfOneSideAreOneTurn()
    {
        Field body = new(JsonElement.Parse("""
            {"system":[{"type":"text","text":"A","cache_control":{"type":"ephemeral"}},{"type":"text","text":"B"}],"messages":[{"role":"user","content":"C"},
             {"role":"user","content":[{"type":"text","text":"D"}]},
             {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"x"},{"type":"text","text":"E"},
              {"type":"tool_use","id":"1","name":"f","input":{"x":1}},{"type":"tool_use","id":"2","name":"g","input":{} }]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"one"},{"type":"tool_result","tool_use_id":"2","is_error":true,
              "content":[{"type":"text","text":"two"}]},{"type":"tool_result","tool_use_id":"3"},{"type":"text","text":"F"}]}]}
            """), "");
        IReadOnlyList<ChatMessage> turns = MessagesInput.Read(body);
        Assert.AreEqual("system:A\nB|user:C\n\nD|assistant:E|tool:one|tool:two|tool:|user:F", string.Join('|', turns.Select(turn => $"{turn.Role}:{turn.Content}")));
        Assert.AreEqual("\"hm\"", turns[2].Members.Single(member => member.Key == "reasoning_content").Value.GetRawText());
        JsonElement calls = turns[2].Members.Single(member => member.Key == "tool_calls").Value;
        Assert.AreEqual("1 f {\"x\":1}|2 g {}", string.Join('|', calls.EnumerateArray().Select(call =>
            $"{call.GetProperty("id").GetString()} {call.GetProperty("function").GetProperty("name").GetString()} {call.GetProperty("function").GetProperty("arguments").GetString()}")));
    }

    [TestMethod]
    [DataRow("{\"model\":\"small\"," + Ask + "}", "'max_tokens'")]
    [DataRow("{\"max_tokens\":9," + Ask + "}", "'model'")]
    [DataRow("""{"model":"small","max_tokens":9}""", "'messages'")]
    [DataRow("{\"model\":\"small\",\"max_tokens\":0," + Ask + "}", "max_tokens: expected 1 or more")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[]}""", "one message at least")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"The"}]}""", "a message of the user at the end")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"tool","content":"x"}]}""", "messages[0].role")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"user","content":7}]}""", "messages[0].content")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}""", "blocks of type 'image'")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{}}]}]}""", "blocks of type 'document'")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"image"}]}]}]}""", "content[0].content[0].type")]
    [DataRow("""{"model":"small","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":"x"}]}]}""", "input: expected an object")]
    [DataRow("{\"model\":\"small\",\"max_tokens\":9,\"stop_sequences\":\"x\"," + Ask + ",\"tools\":[{\"name\":\"f\"}]}", "tools[0].input_schema")]
    [DataRow("{\"model\":\"small\",\"max_tokens\":9," + Ask + ",\"tool_choice\":{\"type\":\"any\"}}", "a call is required")]
    [DataRow("{\"model\":\"small\",\"max_tokens\":9," + Ask + ",\"thinking\":{\"type\":\"enabled\"}}", "thinking.budget_tokens")]
    [DataRow("{\"model\":\"small\",\"max_tokens\":9," + Ask + ",\"stop_sequences\":[\"\"]}", "stop string is empty")]
    [DataRow("{\"model\":\"small\",\"max_tokens\":9," + Ask + ",\"stream\":\"yes\"}", "stream: expected true or false")]
    public Task AWrongRequestIsRefusedByName(string request, string says) => RefusedAsync(400, "invalid_request_error", Path, request, says);

    [TestMethod]
    public async Task ErrorsAreNamedAsAnthropicDoes()
    {
        await RefusedAsync(404, "not_found_error", Path, "{\"model\":\"other\",\"max_tokens\":9," + Ask + "}", "'other'");
        await RefusedAsync(400, "invalid_request_error", Path + "/count_tokens", "{");
        using HttpResponseMessage get = await s_client.GetAsync(Path);
        Assert.AreEqual(405, (int)get.StatusCode);
        TestServer locked = await TestServer.StartAsync(new ServerOptions { ApiKeys = ["secret"] });
        await using var _ = locked.ConfigureAwait(false);
        const string Request = "{\"model\":\"small\",\"max_tokens\":2," + Ask + "}";
        await RefusedAsync(401, "authentication_error", Path, Request, client: locked.Client);
        locked.Client.DefaultRequestHeaders.Add("x-api-key", "secret");
        await locked.Client.PostAsync(Path, Request);
    }

    private static async Task RefusedAsync(int status, string type, string path, string json, string? says = null, HttpClient? client = null)
    {
        using HttpResponseMessage response = await (client ?? s_client).PostAsync(path, ServeAssert.Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(status, (int)response.StatusCode, text);
        JsonElement error = JsonElement.Parse(text);
        Assert.AreEqual("error", error.GetProperty("type").GetString());
        Assert.AreEqual(type, error.GetProperty("error").GetProperty("type").GetString());
        if (says is not null) Assert.Contains(says, error.GetProperty("error").GetProperty("message").GetString()!);
        foreach (string header in (string[])["request-id", "x-request-id"])
            Assert.AreEqual(error.GetProperty("request_id").GetString(), response.Headers.GetValues(header).Single());
    }

    /// <summary>Puts a message together of its events, as strict clients do: each of them where it belongs.</summary>
    private static (string Content, JsonElement End) Rebuild(JsonElement[] events)
    {
        CollectionAssert.AreEqual((string[])["message_start", "ping"], events[..2].Select(one => one.GetProperty("type").GetString()).ToArray());
        CollectionAssert.AreEqual((string[])["message_delta", "message_stop"], events[^2..].Select(one => one.GetProperty("type").GetString()).ToArray());
        JsonElement message = events[0].GetProperty("message");
        Assert.AreEqual(JsonValueKind.Null, message.GetProperty("stop_reason").ValueKind);
        Assert.AreEqual(0, message.GetProperty("content").GetArrayLength());
        foreach (string count in (string[])["input_tokens", "cache_read_input_tokens"])
            Assert.AreEqual(message.GetProperty("usage").GetProperty(count).GetInt32(), events[^2].GetProperty("usage").GetProperty(count).GetInt32());
        var blocks = new List<string>();
        JsonElement? open = null;
        string text = "";
        foreach (JsonElement one in events[2..^2])
        {
            Assert.AreEqual(blocks.Count, one.GetProperty("index").GetInt32());
            switch (one.GetProperty("type").GetString())
            {
                case "content_block_start":
                    Assert.IsNull(open);
                    (open, text) = (one.GetProperty("content_block"), "");
                    break;
                case "content_block_delta":
                    JsonElement delta = one.GetProperty("delta");
                    (string type, string member) = open!.Value.GetProperty("type").GetString() switch
                    {
                        "text" => ("text_delta", "text"), "thinking" => ("thinking_delta", "thinking"), _ => ("input_json_delta", "partial_json"),
                    };
                    if (delta.GetProperty("type").GetString() == "signature_delta") break;
                    Assert.AreEqual(type, delta.GetProperty("type").GetString());
                    text += delta.GetProperty(member).GetString();
                    break;
                case "content_block_stop":
                    blocks.Add(Whole(open!.Value, text));
                    open = null;
                    break;
                default: Assert.Fail(one.GetRawText()); break;
            }
        }
        Assert.IsNull(open, "a block did not end");
        return ($"[{string.Join(',', blocks)}]", events[^2]);
    }

    private static string Whole(JsonElement begun, string text)
    {
        string raw = begun.GetRawText();
        return begun.GetProperty("type").GetString() == "tool_use" ? raw.Replace("\"input\":{}", "\"input\":" + text, StringComparison.Ordinal)
            : raw.Replace($"\"{begun.GetProperty("type").GetString()}\":\"\"", $"\"{begun.GetProperty("type").GetString()}\":{JsonSerializer.Serialize(text)}", StringComparison.Ordinal);
    }
}
