using System.Text.Json;

namespace Edge.Llm.Tests.Serve;

/// <summary>/v1/chat/completions, /v1/completions, /v1/embeddings and /v1/models as OpenAI has them.</summary>
[TestClass]
public sealed class ChatCompletionsTests
{
    private const string Tools = """[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":12}},"required":["city"]}}}]""";
    private static TestServer s_server = null!;
    private static RecordingProxy s_proxy = null!;
    private static HttpClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_server = await TestServer.StartAsync();
        s_proxy = await RecordingProxy.StartAsync(s_server.Address);
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
    public async Task TheEventsOfAnAnswerAreTheAnswer()
    {
        const string Request = """{"model":"small","messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":40,"seed":5,"n":3""";
        JsonElement whole = await s_client.PostAsync("/v1/chat/completions", Request + "}");
        string[] events = await s_client.EventsAsync("/v1/chat/completions", Request + ""","stream":true,"stream_options":{"include_usage":true}}""");
        Assert.AreEqual("[DONE]", events[^1]);
        string[] texts = ["", "", ""];
        string?[] finishes = new string?[3];
        foreach (JsonElement choice in events[..^2].Select(data => JsonElement.Parse(data).GetProperty("choices")[0]))
        {
            int index = choice.GetProperty("index").GetInt32();
            JsonElement delta = choice.GetProperty("delta");
            Assert.AreEqual(texts[index].Length == 0 && finishes[index] is null, delta.TryGetProperty("role", out _), "the role stands in the first event");
            if (delta.TryGetProperty("content", out JsonElement content)) texts[index] += content.GetString();
            finishes[index] = choice.GetProperty("finish_reason").GetString();
        }
        for (int i = 0; i < 3; i++)
        {
            JsonElement choice = whole.GetProperty("choices")[i];
            Assert.AreEqual(choice.GetProperty("message").GetProperty("content").GetString(), texts[i]);
            Assert.AreEqual(choice.GetProperty("finish_reason").GetString(), finishes[i]);
        }
        Assert.AreNotEqual(texts[0], texts[1]);
        JsonElement usage = JsonElement.Parse(events[^2]).GetProperty("usage");
        Assert.AreEqual(0, JsonElement.Parse(events[^2]).GetProperty("choices").GetArrayLength());
        foreach (string count in (string[])["prompt_tokens", "completion_tokens", "total_tokens"])
            Assert.AreEqual(whole.GetProperty("usage").GetProperty(count).GetInt32(), usage.GetProperty(count).GetInt32());
    }

    [TestMethod]
    public async Task AForcedCallIsACall()
    {
        string request = $$"""{"messages":[{"role":"user","content":"Weather?"}],"tools":{{Tools}},"tool_choice":{"type":"function","function":{"name":"get_weather"} },"seed":1""";
        JsonElement choice = (await s_client.PostAsync("/v1/chat/completions", request + "}")).GetProperty("choices")[0];
        Assert.AreEqual("tool_calls", choice.GetProperty("finish_reason").GetString());
        JsonElement call = choice.GetProperty("message").GetProperty("tool_calls")[0];
        Assert.AreEqual("get_weather", call.GetProperty("function").GetProperty("name").GetString());
        string arguments = call.GetProperty("function").GetProperty("arguments").GetString()!;
        Assert.AreEqual(JsonValueKind.String, JsonElement.Parse(arguments).GetProperty("city").ValueKind);
        string streamed = "", id = "";
        foreach (string data in await s_client.EventsAsync("/v1/chat/completions", request + ""","stream":true}"""))
            if (data != "[DONE]" && JsonElement.Parse(data).GetProperty("choices")[0].GetProperty("delta").TryGetProperty("tool_calls", out JsonElement calls))
            {
                Assert.AreEqual(0, calls[0].GetProperty("index").GetInt32());
                if (calls[0].TryGetProperty("id", out JsonElement begun)) id += begun.GetString();
                streamed += calls[0].GetProperty("function").GetProperty("arguments").GetString();
            }
        Assert.AreEqual(arguments, streamed);
        Assert.AreEqual(call.GetProperty("id").GetString(), id);
    }

    [TestMethod]
    public async Task ASchemaHolds()
    {
        JsonElement reply = await s_client.PostAsync("/v1/chat/completions", """
            {"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"A cat."}]}],"seed":3,
             "response_format":{"type":"json_schema","json_schema":{"name":"cat","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string","maxLength":8},
             "age":{"type":"integer","minimum":0,"maximum":30}},"required":["name","age"],"additionalProperties":false}}}}
            """);
        JsonElement cat = JsonElement.Parse(reply.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!);
        Assert.IsInRange(0, 30, cat.GetProperty("age").GetInt32());
        Assert.AreEqual(2, cat.EnumerateObject().Count());
    }

    [TestMethod]
    public async Task LogProbabilitiesComeWithEachToken()
    {
        const string Request = """{"messages":[{"role":"user","content":"Hello"}],"max_tokens":8,"temperature":0,"logprobs":true,"top_logprobs":3""";
        JsonElement content = (await s_client.PostAsync("/v1/chat/completions", Request + "}")).GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content");
        Assert.AreEqual(8, content.GetArrayLength());
        foreach (JsonElement token in content.EnumerateArray())
        {
            Assert.AreEqual(3, token.GetProperty("top_logprobs").GetArrayLength());
            Assert.AreEqual(token.GetProperty("token").GetString(), token.GetProperty("top_logprobs")[0].GetProperty("token").GetString(), "greedy takes the likeliest");
            Assert.IsLessThanOrEqualTo(0, token.GetProperty("logprob").GetDouble());
        }
        int streamed = (await s_client.EventsAsync("/v1/chat/completions", Request + ""","stream":true}""")).Where(data => data != "[DONE]")
            .Select(data => JsonElement.Parse(data).GetProperty("choices")[0].GetProperty("logprobs")).Sum(part => part.ValueKind == JsonValueKind.Null ? 0 : part.GetProperty("content").GetArrayLength());
        Assert.AreEqual(8, streamed);
    }

    [TestMethod]
    public async Task StopBiasAndLengthAct()
    {
        JsonElement stopped = await s_client.PostAsync("/v1/chat/completions", """{"messages":[{"role":"user","content":"Tell me a story."}],"temperature":0,"stop":[" boy","\n"]}""");
        Assert.AreEqual("stop", stopped.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.DoesNotContain(" boy", stopped.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!);
        JsonElement cut = await s_client.PostAsync("/v1/chat/completions", """{"messages":[{"role":"user","content":"Tell me a story."}],"max_completion_tokens":3,"logit_bias":{"65":-100}}""");
        Assert.AreEqual("length", cut.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.AreEqual(3, cut.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [TestMethod]
    public async Task CompletionsGoOnWithEachPrompt()
    {
        const string Request = """{"model":"small","prompt":["Once upon","The cat"],"max_tokens":6,"temperature":0,"n":2,"echo":true,"logprobs":2""";
        JsonElement whole = await s_client.PostAsync("/v1/completions", Request + "}");
        string[] texts = [.. whole.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("text").GetString()!)];
        Assert.HasCount(4, texts);
        Assert.StartsWith("Once upon", texts[0]);
        Assert.StartsWith("The cat", texts[2]);
        var streamed = new string[4];
        foreach (string data in (await s_client.EventsAsync("/v1/completions", Request + ""","stream":true}"""))[..^1])
        {
            JsonElement choice = JsonElement.Parse(data).GetProperty("choices")[0];
            streamed[choice.GetProperty("index").GetInt32()] += choice.GetProperty("text").GetString();
        }
        CollectionAssert.AreEqual(texts, streamed);
    }

    [TestMethod]
    public async Task EmbeddingsAreTheSameInBothFormats()
    {
        JsonElement numbers = (await s_client.PostAsync("/v1/embeddings", """{"model":"small","input":["a cat","a dog"]}""")).GetProperty("data");
        JsonElement bytes = (await s_client.PostAsync("/v1/embeddings", """{"model":"small","input":["a cat","a dog"],"encoding_format":"base64"}""")).GetProperty("data");
        for (int i = 0; i < 2; i++)
        {
            byte[] raw = bytes[i].GetProperty("embedding").GetBytesFromBase64();
            float[] vector = [.. Enumerable.Range(0, raw.Length / 4).Select(at => BitConverter.ToSingle(raw, at * 4))];
            CollectionAssert.AreEqual(vector, numbers[i].GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle()).ToArray());
        }
    }

    [TestMethod]
    public async Task ModelsAreListedAndFound()
    {
        JsonElement list = JsonElement.Parse(await s_client.GetStringAsync("/v1/models"));
        Assert.AreEqual("small", list.GetProperty("data")[0].GetProperty("id").GetString());
        Assert.AreEqual("small", JsonElement.Parse(await s_client.GetStringAsync("/v1/models/small")).GetProperty("id").GetString());
        using HttpResponseMessage missing = await s_client.GetAsync("/v1/models/other");
        Assert.AreEqual(404, (int)missing.StatusCode);
    }

    [TestMethod]
    [DataRow(400, "{", "not a JSON object")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"messages":[]}""", "uplicate")]
    [DataRow(400, """{"messages":[{"role":"user","content":"\ud800"}]}""", "not valid Unicode")]
    [DataRow(400, """{"model":"small"}""", "missing required parameter: 'messages'")]
    [DataRow(400, """{"messages":[]}""", "one message at least")]
    [DataRow(400, """{"messages":"x"}""", "messages: expected an array, found a string")]
    [DataRow(400, """{"messages":[{"role":"user","content":7}]}""", "messages[0].content: expected a string")]
    [DataRow(400, """{"messages":[{"role":"admin","content":"x"}]}""", "messages[0].role: expected system")]
    [DataRow(400, """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://localhost/x.png"}}]}]}""", "image_url")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}""", "temperature: expected a number")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"temperature":3}""", "temperature: expected 0 to 2")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"n":17}""", "n: expected 1 to 16")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"top_logprobs":21,"logprobs":true}""", "top_logprobs: expected 0 to 20")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"logit_bias":{"cat":1}}""", "logit_bias.cat")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"logit_bias":{"99999999":1}}""", "99999999")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"web_search"}]}""", "tools[0].type")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"banana"}}}}""", "banana")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"chat_template_kwargs":{"messages":[]}}""", "chat_template_kwargs.messages")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"lora":[{"id":0}]}""", "lora[0]")]
    [DataRow(400, """{"messages":[{"role":"user","content":"x"}],"tool_choice":"required"}""", "there are no tools")]
    [DataRow(404, """{"model":"other","messages":[{"role":"user","content":"x"}]}""", "does not exist")]
    public async Task AWrongRequestIsRefusedByName(int status, string request, string says) => await s_client.RefusedAsync(status, "/v1/chat/completions", request, says);

    [TestMethod]
    public async Task APromptThatDoesNotFitIsSaid()
    {
        string text = string.Concat(Enumerable.Repeat("the cat sat ", 1000));
        JsonElement error = await s_client.RefusedAsync(400, "/v1/chat/completions", $$"""{"messages":[{"role":"user","content":"{{text}}"}]}""");
        Assert.AreEqual("context_length_exceeded", error.GetProperty("code").GetString());
    }

    [TestMethod]
    public async Task UnknownMembersAreIgnored()
    {
        await s_client.PostAsync("/v1/chat/completions", """
            {"messages":[{"role":"user","content":"x","unknown":1}],"max_tokens":1,"store":true,"metadata":{"a":"b"},"user":"me","service_tier":"auto","unknown":{"x":[1]}}
            """);
    }
}
