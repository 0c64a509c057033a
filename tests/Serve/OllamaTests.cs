using System.Net;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>/api as Ollama has it.</summary>
[TestClass]
public sealed class OllamaTests
{
    private const string Call = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>";
    private const string Tools = """[{"type":"function","function":{"name":"add","parameters":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}}}]""";
    private static readonly ContextOptions s_roomy = new() { Threads = 1, ContextSize = 2048 };
    private static TestServer s_server = null!;
    private static ScriptedModel s_calling = null!, s_thinking = null!;
    private static HttpClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_calling = OllamaAssert.Saying(Call);
        s_thinking = OllamaAssert.Saying("<think>hm</think>yes", "{# <think></think> #}");
        s_server = await TestServer.StartAsync(null, TestServer.Small(), TestServer.Of("calling", s_calling.File, 4, s_roomy), TestServer.Of("thinking", s_thinking.File));
        s_client = s_server.Client;
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        await s_server.DisposeAsync();
        s_calling.Dispose();
        s_thinking.Dispose();
    }

    [TestMethod]
    public async Task TheLinesOfAnAnswerAreTheAnswer()
    {
        const string Request = """{"model":"small:latest","messages":[{"role":"user","content":"Tell me a story."}],"options":{"num_predict":24,"seed":5},"logprobs":true,"top_logprobs":1""";
        JsonElement[] lines = await s_client.LinesAsync("/api/chat", Request + "}");
        JsonElement whole = await s_client.PostAsync("/api/chat", Request + ",\"stream\":false}");
        Assert.AreEqual(whole.Text(), string.Concat(lines.Select(OllamaAssert.Text)));
        Assert.AreEqual(24, lines.Sum(line => line.TryGetProperty("logprobs", out JsonElement scored) ? scored.GetArrayLength() : 0));
        foreach (JsonElement end in (JsonElement[])[whole, lines[^1]])
        {
            Assert.AreEqual("small:latest", end.GetProperty("model").GetString());
            Assert.AreEqual("length", end.GetProperty("done_reason").GetString());
            Assert.AreEqual(24, end.GetProperty("eval_count").GetInt32());
            Assert.IsGreaterThan(0, end.GetProperty("prompt_eval_count").GetInt32());
            foreach (string time in (string[])["total_duration", "prompt_eval_duration", "eval_duration"]) Assert.IsGreaterThan(1000, end.GetProperty(time).GetInt64(), time);
            Assert.IsLessThan(60_000_000_000, end.GetProperty("total_duration").GetInt64());
        }
        Assert.HasCount(24, whole.GetProperty("logprobs").EnumerateArray().ToArray());
    }

    [TestMethod]
    [DataRow("\"json\"", JsonValueKind.Object)]
    [DataRow("""{"type":"array","items":{"enum":[1,2]},"minItems":1,"maxItems":2}""", JsonValueKind.Array)]
    public async Task AFormatHolds(string format, JsonValueKind kind)
    {
        JsonElement chat = await s_client.PostAsync("/api/chat", $$"""{"model":"small","stream":false,"messages":[{"role":"user","content":"A cat."}],"format":{{format}},"options":{"num_predict":300} }""");
        Assert.AreEqual(kind, JsonElement.Parse(chat.Text()).ValueKind);
        JsonElement generated = await s_client.PostAsync("/api/generate", $$"""{"model":"small","stream":false,"prompt":"A cat.","raw":true,"format":{{format}},"options":{"num_predict":300} }""");
        Assert.AreEqual(kind, JsonElement.Parse(generated.GetProperty("response").GetString()!).ValueKind);
    }

    [TestMethod]
    public async Task CallsHaveObjectsForArguments()
    {
        string request = $$"""{"model":"calling","messages":[{"role":"user","content":"Add."}],"tools":{{Tools}}""";
        JsonElement whole = (await s_client.PostAsync("/api/chat", request + ",\"stream\":false}")).GetProperty("message");
        JsonElement[] lines = await s_client.LinesAsync("/api/chat", request + "}");
        JsonElement streamed = lines.Select(line => line.GetProperty("message")).SingleOrDefault(message => message.TryGetProperty("tool_calls", out JsonElement _));
        Assert.AreEqual(JsonValueKind.Object, streamed.ValueKind, whole.GetRawText() + string.Join('\n', lines));
        foreach (JsonElement message in (JsonElement[])[whole, streamed])
        {
            JsonElement call = message.GetProperty("tool_calls")[0], function = call.GetProperty("function");
            Assert.AreEqual(("", "add", 1), (message.GetProperty("content").GetString(), function.GetProperty("name").GetString(), function.GetProperty("arguments").GetProperty("a").GetInt32()));
            Assert.IsGreaterThan(0, call.GetProperty("id").GetString()!.Length);
        }
        Assert.AreEqual("stop", lines[^1].GetProperty("done_reason").GetString());
        JsonElement after = await s_client.PostAsync("/api/chat", $$"""
            {"model":"small","stream":false,"options":{"num_predict":4},"tools":{{Tools}},"messages":[{"role":"user","content":"Add."},
            {"role":"assistant","content":"","tool_calls":{{whole.GetProperty("tool_calls").GetRawText()}}},{"role":"tool","tool_name":"add","content":"3"}]}
            """);
        Assert.IsTrue(after.GetProperty("done").GetBoolean());
    }

    [TestMethod]
    public async Task ThinkingStandsBesideTheText()
    {
        const string Request = """{"model":"thinking","stream":false,"messages":[{"role":"user","content":"Is it?"}]""";
        foreach (string think in (string[])["", ",\"think\":true", ",\"think\":\"high\""])
        {
            JsonElement message = (await s_client.PostAsync("/api/chat", Request + think + "}")).GetProperty("message");
            Assert.AreEqual(("hm", "yes"), (message.GetProperty("thinking").GetString(), message.GetProperty("content").GetString()));
        }
        Assert.AreEqual("hm", string.Concat((await s_client.LinesAsync("/api/generate", """{"model":"thinking","prompt":"Is it?"}"""))
            .Select(line => line.TryGetProperty("thinking", out JsonElement text) ? text.GetString() : "")));
        await s_client.RefusedAsOllamaAsync(400, "/api/chat", """{"model":"small","think":true,"messages":[{"role":"user","content":"x"}]}""", "does not support thinking");
    }

    [TestMethod]
    public async Task GenerateGoesOnWithItsContext()
    {
        JsonElement first = await s_client.PostAsync("/api/generate", """{"model":"small","system":"Be brief.","prompt":"A cat.","stream":false,"options":{"num_predict":4,"ignore_eos":true}}""");
        JsonElement context = first.GetProperty("context");
        Assert.AreEqual(first.GetProperty("prompt_eval_count").GetInt32() + 4, context.GetArrayLength());
        JsonElement[] second = await s_client.LinesAsync("/api/generate", $$"""{"model":"small","prompt":"A dog.","context":{{context.GetRawText()}},"options":{"num_predict":4} }""");
        CollectionAssert.AreEqual(context.EnumerateArray().Select(token => token.GetInt32()).ToArray(),
            second[^1].GetProperty("context").EnumerateArray().Take(context.GetArrayLength()).Select(token => token.GetInt32()).ToArray());
        JsonElement raw = await s_client.PostAsync("/api/generate", """{"model":"small","raw":true,"prompt":"Once upon a time","stream":false,"options":{"num_predict":4,"temperature":0}}""");
        JsonElement same = await s_client.PostAsync("/v1/completions", """{"model":"small","prompt":"Once upon a time","max_tokens":4,"temperature":0}""");
        Assert.AreEqual(same.GetProperty("choices")[0].GetProperty("text").GetString(), raw.GetProperty("response").GetString());
        Assert.IsFalse(raw.TryGetProperty("context", out _));
    }

    [TestMethod]
    public async Task APromptThatIsTooLongIsMadeShorter()
    {
        string turns = string.Join(',', Enumerable.Range(0, 40).Select(i => $$"""{"role":"user","content":"The number is {{i}}."},{"role":"assistant","content":"Good."}"""));
        string chat = $$"""{"model":"small","stream":false,"options":{"num_ctx":128,"num_predict":8},"messages":[{"role":"system","content":"Be brief."},{{turns}},{"role":"user","content":"A cat."}]""";
        JsonElement answer = await s_client.PostAsync("/api/chat", chat + "}");
        Assert.IsInRange(40, 96, answer.GetProperty("prompt_eval_count").GetInt32());
        await s_client.RefusedAsOllamaAsync(400, "/api/chat", chat + ",\"truncate\":false}", "exceeds the context length");
        string text = string.Concat(Enumerable.Repeat("the cat sat ", 1000));
        JsonElement cut = await s_client.PostAsync("/api/generate", $$"""{"model":"small","stream":false,"raw":true,"prompt":"{{text}}","options":{"num_predict":2} }""");
        Assert.AreEqual(768, cut.GetProperty("prompt_eval_count").GetInt32());
        JsonElement filled = await s_client.PostAsync("/api/generate", """{"model":"small","stream":false,"raw":true,"prompt":"Once","options":{"num_ctx":16,"ignore_eos":true}}""");
        Assert.AreEqual(("length", 16), (filled.GetProperty("done_reason").GetString(), filled.GetProperty("prompt_eval_count").GetInt32() + filled.GetProperty("eval_count").GetInt32()));
    }

    [TestMethod]
    public async Task VectorsAreThoseOfOpenAi()
    {
        JsonElement same = await s_client.PostAsync("/v1/embeddings", """{"model":"small","input":"a cat"}""");
        double[] expected = Numbers(same.GetProperty("data")[0].GetProperty("embedding"));
        JsonElement two = await s_client.PostAsync("/api/embed", """{"model":"small","input":["a cat","a dog"],"keep_alive":"-1m"}""");
        Assert.AreEqual(2, two.GetProperty("embeddings").GetArrayLength());
        CollectionAssert.AreEqual(expected, Numbers(two.GetProperty("embeddings")[0]));
        double[] shorter = Numbers((await s_client.PostAsync("/api/embed", """{"model":"small","input":"a cat","dimensions":8}""")).GetProperty("embeddings")[0]);
        Assert.HasCount(8, shorter);
        Assert.AreEqual(1, shorter.Sum(value => value * value), 1e-5);
        Assert.AreEqual(expected[1] / expected[0], shorter[1] / shorter[0], 1e-4);
        double[] old = Numbers((await s_client.PostAsync("/api/embeddings", """{"model":"small","prompt":"a cat"}""")).GetProperty("embedding"));
        Assert.AreEqual(expected[1] / expected[0], old[1] / old[0], 1e-4);
        string text = string.Concat(Enumerable.Repeat("the cat sat ", 1000));
        Assert.AreEqual(1024, (await s_client.PostAsync("/api/embed", $$"""{"model":"small","input":"{{text}}"}""")).GetProperty("prompt_eval_count").GetInt32());
        await s_client.RefusedAsOllamaAsync(400, "/api/embed", $$"""{"model":"small","input":"{{text}}","truncate":false}""", "exceeds the context length");

        static double[] Numbers(JsonElement vector) => [.. vector.EnumerateArray().Select(value => value.GetDouble())];
    }

    [TestMethod]
    public async Task KeepAliveLoadsAndUnloads()
    {
        TestServer server = await TestServer.StartAsync();
        await using var serving = server.ConfigureAwait(false);
        HttpClient client = server.Client;
        Assert.AreEqual("load", (await client.PostAsync("/api/generate", """{"model":"small","keep_alive":-1}""")).GetProperty("done_reason").GetString());
        Assert.IsGreaterThan(2300, (await RunningAsync())[0].GetProperty("expires_at").GetDateTime().Year);
        Assert.AreEqual("load", (await client.PostAsync("/api/chat", """{"model":"small","messages":[],"keep_alive":"1h"}""")).GetProperty("done_reason").GetString());
        Assert.IsInRange(50, 61, ((await RunningAsync())[0].GetProperty("expires_at").GetDateTime() - DateTime.UtcNow).TotalMinutes);
        Assert.AreEqual("unload", (await client.PostAsync("/api/chat", """{"model":"small","keep_alive":0}""")).GetProperty("done_reason").GetString());
        Assert.HasCount(0, await RunningAsync());
        await client.PostAsync("/api/generate", """{"model":"small"}""");
        Assert.HasCount(1, await RunningAsync(), "the 0 held until the model was unloaded");
        await client.PostAsync("/api/generate", """{"model":"small","prompt":"a","keep_alive":0,"stream":false,"options":{"num_predict":1}}""");
        for (int i = 0; (await RunningAsync()).Length > 0; i++)
        {
            Assert.IsLessThan(600, i, "the model stays");
            await Task.Delay(100);
        }

        async Task<JsonElement[]> RunningAsync() => [.. (await GetAsync(client, "/api/ps")).GetProperty("models").EnumerateArray()];
    }

    [TestMethod]
    public async Task ListsTellOfEachModel()
    {
        JsonElement[] models = [.. (await GetAsync(s_client, "/api/tags")).GetProperty("models").EnumerateArray()];
        Assert.AreEqual("small:latest calling:latest thinking:latest", string.Join(' ', models.Select(model => model.GetProperty("name").GetString())));
        JsonElement details = models[0].GetProperty("details");
        Assert.AreEqual(("llama", "5.25M", "Q8_0"), (details.GetProperty("family").GetString(), details.GetProperty("parameter_size").GetString(), details.GetProperty("quantization_level").GetString()));
        Assert.HasCount(64, models[0].GetProperty("digest").GetString()!);
        Assert.AreEqual(new FileInfo(ShippedModel.Path("edge-llm-small.gguf")).Length, models[0].GetProperty("size").GetInt64());
        JsonElement show = await s_client.PostAsync("/api/show", """{"model":"small"}"""), info = show.GetProperty("model_info");
        Assert.AreEqual(("llama", 1024, JsonValueKind.Null), (info.GetProperty("general.architecture").GetString(), info.GetProperty("llama.context_length").GetInt32(), info.GetProperty("tokenizer.ggml.tokens").ValueKind));
        Assert.Contains("im_start", show.GetProperty("template").GetString()!);
        Assert.AreEqual("""["completion","tools"]""", show.GetProperty("capabilities").GetRawText());
        foreach (string thinking in (string[])["""{"name":"thinking"}""", """{"model":"","name":"thinking"}"""])
        {
            JsonElement capabilities = (await s_client.PostAsync("/api/show", thinking)).GetProperty("capabilities");
            Assert.AreEqual("""["completion","tools","thinking"]""", capabilities.GetRawText());
        }
        JsonElement verbose = await s_client.PostAsync("/api/show", """{"model":"small","verbose":true}""");
        Assert.AreEqual(2048, verbose.GetProperty("model_info").GetProperty("tokenizer.ggml.tokens").GetArrayLength());
    }

    [TestMethod]
    public async Task TheRootIsATextForPrograms()
    {
        Assert.IsTrue(Version.TryParse((await GetAsync(s_client, "/api/version")).GetProperty("version").GetString(), out Version? version) && version >= new Version(0, 6, 4));
        Assert.Contains("running", await s_client.GetStringAsync("/"));
        using var head = new HttpRequestMessage(HttpMethod.Head, "/");
        using HttpResponseMessage empty = await s_client.SendAsync(head);
        Assert.AreEqual((HttpStatusCode.OK, ""), (empty.StatusCode, await empty.Content.ReadAsStringAsync()));
        using var page = new HttpRequestMessage(HttpMethod.Get, "/");
        page.Headers.Accept.ParseAdd("text/html");
        using HttpResponseMessage html = await s_client.SendAsync(page);
        Assert.AreEqual("text/html", html.Content.Headers.ContentType!.MediaType);
    }

    private static async Task<JsonElement> GetAsync(HttpClient client, string path) => JsonElement.Parse(await client.GetStringAsync(path));
}
