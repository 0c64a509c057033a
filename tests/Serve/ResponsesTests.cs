using System.Text.Json;

namespace Edge.Llm.Tests.Serve;

/// <summary>/v1/responses. Every reply and every event is as OpenAI describes it.</summary>
[TestClass]
public sealed class ResponsesTests
{
    private const string Path = "/v1/responses";
    private const string Tools = """
        [{"type":"web_search"},{"type":"function","name":"now"},
         {"type":"function","name":"get","description":"gets","strict":true,"parameters":{"type":"object","properties":{"n":{"enum":[7]}},"required":["n"]}}]
        """;

    private static ScriptedServer s_server = null!;
    private static RecordingProxy s_proxy = null!;
    private static HttpClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_server = await ScriptedServer.StartAsync();
        s_proxy = await RecordingProxy.StartAsync(s_server.Server.Address);
        s_client = new HttpClient { BaseAddress = s_proxy.Address };
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        s_client.Dispose();
        await s_proxy.DisposeAsync();
        await s_server.DisposeAsync();
    }

    [TestCleanup]
    public void AllRepliesAreAsPublished()
    {
        if (Environment.GetEnvironmentVariable("EDGE_LLM_SHARED") is null) return; // the description is there
        while (s_proxy.Exchanges.TryDequeue(out Exchange? exchange)) Assert.AreEqual("", string.Join('\n', OpenAiSchemas.Violations(exchange)));
    }

    [TestMethod]
    [DataRow("completed", "message", """{"model":"small","input":"Hello","temperature":0""")]
    [DataRow("incomplete", "message", """{"model":"small","input":"Tell me a story.","seed":3,"max_output_tokens":9""")]
    [DataRow("completed", "message", """{"model":"small","input":"Tell me a story.","seed":3,"max_output_tokens":300,"top_logprobs":2,"include":["message.output_text.logprobs"]""")]
    [DataRow("completed", "reasoning message function_call", """{"model":"scripted","input":"?","temperature":0,"seed":1,"max_output_tokens":90,"parallel_tool_calls":false,"tools":""" + Tools)]
    [DataRow("incomplete", "reasoning", """{"model":"scripted","input":"?","temperature":0,"max_output_tokens":2""")]
    [DataRow("completed", "function_call", """{"model":"small","input":"?","seed":1,"stop":["7"],"tool_choice":{"type":"function","name":"get"},"tools":""" + Tools)]
    [DataRow("completed", "message", """{"model":"scripted","input":"?","ignored":1,"stop":["<think>"]""")]
    public async Task TheEventsOfAResponseAreTheResponse(string status, string items, string request)
    {
        JsonElement whole = await s_client.PostAsync(Path, request + "}");
        JsonElement streamed = Rebuild(await s_client.NamedEventsAsync(Path, request + ""","stream":true}"""));
        Assert.AreEqual(status, whole.GetProperty("status").GetString());
        Assert.AreEqual(items, string.Join(' ', whole.GetProperty("output").EnumerateArray().Select(item => item.GetProperty("type").GetString())));
        Assert.AreEqual(WithoutIds(whole), WithoutIds(streamed));
        JsonElement usage = whole.GetProperty("usage");
        Assert.AreEqual(usage.GetProperty("input_tokens").GetInt32() + usage.GetProperty("output_tokens").GetInt32(), usage.GetProperty("total_tokens").GetInt32());
    }

    [TestMethod]
    public async Task PartsOfAnAnswerAreItems()
    {
        JsonElement output = (await s_client.PostAsync(Path, """{"model":"scripted","input":"?","temperature":0,"parallel_tool_calls":false,"tools":""" + Tools + "}")).GetProperty("output");
        Assert.AreEqual("hmso", output[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.AreEqual("""[{"type":"summary_text","text":"hmso"}]""", output[0].GetProperty("summary").GetRawText());
        Assert.AreEqual("HiHo", output[1].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Contains(output[2].GetProperty("name").GetString(), (string[])["now", "get"]);
        Assert.AreEqual(JsonValueKind.Object, JsonElement.Parse(output[2].GetProperty("arguments").GetString()!).ValueKind);
        Assert.AreEqual(3, output.EnumerateArray().Select(item => item.GetProperty("id").GetString()).Distinct().Count());
    }

    [TestMethod]
    public async Task ReasoningComesAsItsSummaryAsWell()
    {
        JsonElement[] events = await s_client.NamedEventsAsync(Path, """{"model":"scripted","input":"?","temperature":0,"max_output_tokens":4,"stream":true}""");
        JsonElement[] summary = [.. events.Where(one => one.GetProperty("type").GetString()!.StartsWith("response.reasoning_summary_", StringComparison.Ordinal))];
        string[] types = [.. summary.Select(one => one.GetProperty("type").GetString()!["response.reasoning_summary_".Length..])];
        Assert.AreEqual("part.added text.delta text.done part.done", string.Join(' ', types.Distinct()));
        string text = string.Concat(summary.Where(one => one.TryGetProperty("delta", out _)).Select(one => one.GetProperty("delta").GetString()));
        Assert.IsGreaterThan(0, text.Length);
        Assert.AreEqual(text, summary[^2].GetProperty("text").GetString());
        Assert.AreEqual(text, summary[^1].GetProperty("part").GetProperty("text").GetString());
        Assert.AreEqual(text, events.Last(one => one.GetProperty("type").GetString() == "response.reasoning_text.done").GetProperty("text").GetString());
    }

    [TestMethod]
    public async Task AnErrorOnTheWayEndsTheStream()
    {
        const string Request = """{"model":"failing","input":"?","temperature":0""";
        JsonElement[] events = await s_client.NamedEventsAsync(Path, Request + ""","stream":true}""");
        Assert.AreEqual("error", events[^2].GetProperty("type").GetString());
        JsonElement response = events[^1].GetProperty("response");
        Assert.AreEqual("response.failed", events[^1].GetProperty("type").GetString());
        Assert.AreEqual("failed", response.GetProperty("status").GetString());
        Assert.AreEqual("server_error", response.GetProperty("error").GetProperty("code").GetString());
        Assert.AreEqual("hm", response.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        CollectionAssert.AreEqual(Enumerable.Range(0, events.Length).ToArray(), events.Select(one => one.GetProperty("sequence_number").GetInt32()).ToArray());
        await s_client.RefusedAsync(500, Path, Request + "}");
    }

    [TestMethod]
    [DataRow("\"required\"", "now get")]
    [DataRow("""{"type":"function","name":"get"}""", "get")]
    [DataRow("""{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"get"},{"type":"web_search"}]}""", "get")]
    public async Task AChoiceOfToolsHolds(string choice, string names)
    {
        JsonElement response = await s_client.PostAsync(Path, $$"""{"model":"small","input":"?","seed":2,"parallel_tool_calls":false,"tools":{{Tools}},"tool_choice":{{choice}} }""");
        JsonElement call = response.GetProperty("output").EnumerateArray().Single();
        Assert.Contains(call.GetProperty("name").GetString()!, names.Split(' '));
        if (call.GetProperty("name").GetString() == "get") Assert.AreEqual(7, JsonElement.Parse(call.GetProperty("arguments").GetString()!).GetProperty("n").GetInt32());
        Assert.AreEqual(JsonElement.Parse(choice).GetRawText(), response.GetProperty("tool_choice").GetRawText());
        Assert.AreEqual("now get", string.Join(' ', response.GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString())));
    }

    [TestMethod]
    [DataRow("""{"type":"json_schema","name":"cat","strict":true,"schema":{"type":"object","properties":{"age":{"type":"integer","minimum":3,"maximum":5}},"required":["age"],"additionalProperties":false}}""")]
    [DataRow("""{"type":"json_schema","name":"cat","schema":{"type":"object","properties":{"age":{"enum":[4]}},"required":["age"],"additionalProperties":false}}""")]
    public async Task ASchemaHolds(string format)
    {
        JsonElement response = await s_client.PostAsync(Path, $$"""{"model":"small","input":"A cat.","text":{"format":{{format}},"verbosity":"low"} }""");
        Assert.IsInRange(3, 5, JsonElement.Parse(TextOf(response)).GetProperty("age").GetInt32());
        Assert.AreEqual(format, response.GetProperty("text").GetProperty("format").GetRawText());
    }

    [TestMethod]
    public async Task AnyObjectIsAFormat()
    {
        JsonElement response = await s_client.PostAsync(Path, """{"model":"small","input":"A cat.","max_output_tokens":60,"seed":1,"text":{"format":{"type":"json_object"} } }""");
        Assert.AreEqual(JsonValueKind.Object, JsonElement.Parse(TextOf(response)).ValueKind);
    }

    [TestMethod]
    public async Task LogProbabilitiesComeWithEachToken()
    {
        JsonElement response = await s_client.PostAsync(Path, """{"model":"small","input":"Hello","temperature":0,"top_logprobs":2,"include":["message.output_text.logprobs"]}""");
        JsonElement part = response.GetProperty("output")[0].GetProperty("content")[0];
        JsonElement[] tokens = [.. part.GetProperty("logprobs").EnumerateArray()];
        Assert.AreEqual(part.GetProperty("text").GetString(), string.Concat(tokens.Select(token => token.GetProperty("token").GetString())).TrimStart());
        foreach (JsonElement token in tokens) Assert.AreEqual(token.GetProperty("token").GetString(), token.GetProperty("top_logprobs")[0].GetProperty("token").GetString());
        JsonElement without = await s_client.PostAsync(Path, """{"model":"small","input":"Hello","temperature":0,"top_logprobs":2}""");
        Assert.AreEqual(0, without.GetProperty("output")[0].GetProperty("content")[0].GetProperty("logprobs").GetArrayLength());
    }

    [TestMethod]
    public async Task WhatWasAskedForIsRepeated()
    {
        JsonElement response = await s_client.PostAsync(Path, """
            {"model":"small","input":[{"role":"user","content":"x"}],"instructions":"Be brief.","max_output_tokens":16,"temperature":0.5,"top_p":0.25,"store":true,"metadata":{"a":"b"},
             "reasoning":{"effort":"max","summary":"auto"},"include":["reasoning.encrypted_content"],"prompt_cache_key":"k","truncation":"auto","user":"me","safety_identifier":"s",
             "service_tier":"auto","stream_options":{"include_obfuscation":false},"background":false,"unknown":1}
            """);
        Assert.AreEqual("Be brief.", response.GetProperty("instructions").GetString());
        Assert.AreEqual("""{"a":"b"}""", response.GetProperty("metadata").GetRawText());
        Assert.AreEqual(0.5, response.GetProperty("temperature").GetDouble());
        Assert.AreEqual(0.25, response.GetProperty("top_p").GetDouble());
        Assert.AreEqual("max", response.GetProperty("reasoning").GetProperty("effort").GetString());
        Assert.IsFalse(response.GetProperty("store").GetBoolean());
    }

    [TestMethod]
    public async Task AResponseGoesBackAsInput()
    {
        JsonElement first = await s_client.PostAsync(Path, """{"model":"scripted","input":"?","temperature":0,"parallel_tool_calls":false,"tools":""" + Tools + "}");
        string items = string.Join(',', first.GetProperty("output").EnumerateArray().Select(item => item.GetRawText()));
        string callId = first.GetProperty("output")[2].GetProperty("call_id").GetString()!;
        string input = $$"""[{"role":"user","content":"?"},{{items}},{"type":"function_call_output","call_id":"{{callId}}","output":"9"}]""";
        JsonElement second = await s_client.PostAsync(Path, $$"""{"model":"scripted","temperature":0,"tool_choice":"none","max_output_tokens":4,"input":{{input}},"tools":{{Tools}} }""");
        JsonElement count = await s_client.PostAsync(Path + "/input_tokens", $$"""{"model":"scripted","input":{{input}} }""");
        Assert.AreEqual(second.GetProperty("usage").GetProperty("input_tokens").GetInt32(), count.GetProperty("input_tokens").GetInt32());
        Assert.IsGreaterThan(first.GetProperty("usage").GetProperty("input_tokens").GetInt32() + 10, count.GetProperty("input_tokens").GetInt32());
    }

    [TestMethod]
    [DataRow("""{"model":"small"}""", "missing required parameter: 'input'")]
    [DataRow("""{"input":[]}""", "one item at least")]
    [DataRow("""{"input":7}""", "input: expected a string or an array of items")]
    [DataRow("""{"input":"x","previous_response_id":"resp_1"}""", "previous_response_id")]
    [DataRow("""{"input":"x","conversation":{"id":"c"}}""", "conversation")]
    [DataRow("""{"input":"x","background":true}""", "background")]
    [DataRow("""{"input":"x","prompt":{"id":"p"}}""", "prompt")]
    [DataRow("""{"input":[{"type":"item_reference","id":"msg_1"}]}""", "input[0].id: this item is not known")]
    [DataRow("""{"input":[{"id":"msg_1"}]}""", "input[0].id: this item is not known")]
    [DataRow("""{"input":[{"type":"web_search_call","id":"x"}]}""", "input[0].type: items of type 'web_search_call'")]
    [DataRow("""{"input":[{"role":"user","content":[{"type":"input_image","image_url":"http://localhost/x.png"}]}]}""", "input_image")]
    [DataRow("""{"input":[{"role":"tool","content":"x"}]}""", "input[0].role")]
    [DataRow("""{"input":[{"type":"function_call_output","output":"x"}]}""", "input[0].call_id")]
    [DataRow("""{"input":"x","max_output_tokens":0}""", "max_output_tokens: expected 1 or more")]
    [DataRow("""{"input":"x","top_logprobs":21}""", "top_logprobs")]
    [DataRow("""{"input":"x","reasoning":{"effort":"huge"}}""", "reasoning.effort")]
    [DataRow("""{"input":"x","reasoning":{"summary":"long"}}""", "reasoning.summary")]
    [DataRow("""{"input":"x","text":{"format":{"type":"json_schema","name":"n"}}}""", "text.format.schema")]
    [DataRow("""{"input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"banana"}}}}""", "banana")]
    [DataRow("""{"input":"x","text":{"format":{"type":"yaml"}}}""", "text.format.type")]
    [DataRow("""{"input":"x","tools":[{"type":"function"}]}""", "tools[0].name")]
    [DataRow("""{"input":"x","tools":[{"type":"web_search"}],"tool_choice":"required"}""", "a call is required")]
    [DataRow("""{"input":"x","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"g"}}""", "\"g\"")]
    [DataRow("""{"input":"x","tool_choice":{"type":"web_search"}}""", "tool_choice.type")]
    [DataRow("""{"input":"x","metadata":{"a":1}}""", "metadata.a")]
    public async Task AWrongRequestIsRefusedByName(string request, string says)
    {
        await s_client.RefusedAsync(400, Path, request, says);
        await s_client.RefusedAsync(400, Path, request[..^1] + ""","stream":true}""", says);
    }

    [TestMethod]
    public async Task NothingIsStored()
    {
        using HttpResponseMessage found = await s_client.GetAsync(Path + "/resp_1");
        Assert.AreEqual(404, (int)found.StatusCode);
        JsonElement error = JsonElement.Parse(await found.Content.ReadAsStringAsync()).GetProperty("error");
        Assert.AreEqual("not_found", error.GetProperty("code").GetString());
    }

    /// <summary>Puts a response together of its events, as strict clients do: each of them where it belongs.</summary>
    private static JsonElement Rebuild(JsonElement[] events)
    {
        CollectionAssert.AreEqual(Enumerable.Range(0, events.Length).ToArray(), events.Select(one => one.GetProperty("sequence_number").GetInt32()).ToArray());
        CollectionAssert.AreEqual((string[])["response.created", "response.in_progress"], events[..2].Select(one => one.GetProperty("type").GetString()).ToArray());
        JsonElement response = events[^1].GetProperty("response");
        Assert.AreEqual($"response.{response.GetProperty("status").GetString()}", events[^1].GetProperty("type").GetString());
        Assert.AreEqual(events[0].GetProperty("response").GetProperty("id").GetString(), response.GetProperty("id").GetString());
        var items = new List<JsonElement>();
        string[]? after = null; // what may follow
        string text = "", id = "";
        int probabilities = 0;
        foreach (JsonElement one in events[2..^1])
        {
            string type = one.GetProperty("type").GetString()!;
            Assert.AreEqual(items.Count, one.GetProperty("output_index").GetInt32());
            if (type.StartsWith("response.reasoning_summary_", StringComparison.Ordinal)) continue; // these have a test of their own
            Assert.Contains(type, after ?? ["response.output_item.added"]);
            if (one.TryGetProperty("item_id", out JsonElement itemId)) Assert.AreEqual(id, itemId.GetString());
            if (one.TryGetProperty("content_index", out JsonElement content)) Assert.AreEqual(0, content.GetInt32());
            string of = type["response.".Length..type.LastIndexOf('.')];
            switch (type)
            {
                case "response.output_item.added":
                    (text, id, probabilities) = ("", one.GetProperty("item").GetProperty("id").GetString()!, 0);
                    Assert.AreEqual("in_progress", one.GetProperty("item").GetProperty("status").GetString());
                    after = one.GetProperty("item").GetProperty("type").GetString() == "function_call"
                        ? ["response.function_call_arguments.delta", "response.function_call_arguments.done"] : ["response.content_part.added"];
                    break;
                case "response.content_part.added":
                    string kind = one.GetProperty("part").GetProperty("type").GetString()!;
                    after = [$"response.{kind}.delta", $"response.{kind}.done"];
                    break;
                case "response.content_part.done":
                    Assert.AreEqual(text, one.GetProperty("part").GetProperty("text").GetString());
                    after = ["response.output_item.done"];
                    break;
                case "response.output_item.done":
                    Assert.AreEqual(id, one.GetProperty("item").GetProperty("id").GetString());
                    items.Add(one.GetProperty("item"));
                    after = null;
                    break;
                case { } when type.EndsWith(".delta", StringComparison.Ordinal):
                    text += one.GetProperty("delta").GetString();
                    if (of == "output_text") probabilities += one.GetProperty("logprobs").GetArrayLength();
                    break;
                default:
                    Assert.AreEqual(text, one.GetProperty(of == "function_call_arguments" ? "arguments" : "text").GetString());
                    if (of == "output_text") Assert.AreEqual(probabilities, one.GetProperty("logprobs").GetArrayLength());
                    after = [of == "function_call_arguments" ? "response.output_item.done" : "response.content_part.done"];
                    break;
            }
        }
        Assert.IsNull(after, "an item did not end");
        Assert.AreEqual($"[{string.Join(',', items.Select(item => item.GetRawText()))}]", response.GetProperty("output").GetRawText());
        return response;
    }

    // Ids, times, and what the cache had, differ between two responses.
    private static string WithoutIds(JsonElement response) => System.Text.RegularExpressions.Regex.Replace(
        response.GetRawText(), "\"(id|created_at|completed_at|cached_tokens)\":(\"[^\"]*\"|[0-9]+)", "\"$1\":0");

    private static string TextOf(JsonElement response) => response.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString()!;
}
