using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>llama.cpp's own interface, and the reranker's that it shares with others.</summary>
[TestClass]
public sealed class LlamaCppTests
{
    private static string s_ranker = null!;
    private static TestServer s_server = null!;
    private static HttpClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_ranker = Path.GetTempFileName();
        string[] words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁one", "▁two", "▁three"];
        File.WriteAllBytes(s_ranker, ModelSpecFile.Make("bert-rerank", line => !line.StartsWith("general.architecture", StringComparison.Ordinal) ? line
            : line + "\ntokenizer.ggml.model text bert\ntokenizer.ggml.tokens texts " + string.Join(',', words.Concat(Enumerable.Range(words.Length, 272).Select(i => $"▁w{i}")))
                + "\ntokenizer.ggml.cls_token_id int 2\ntokenizer.ggml.bos_token_id int 2\ntokenizer.ggml.seperator_token_id int 3\ntokenizer.ggml.unknown_token_id int 1\ntokenizer.ggml.padding_token_id int 0"));
        s_server = await TestServer.StartAsync(null, TestServer.Small(), TestServer.Of("ranker", s_ranker));
        s_client = s_server.Client;
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        await s_server.DisposeAsync();
        File.Delete(s_ranker);
    }

    [TestMethod]
    public async Task TokensAreTheTokenizers()
    {
        using LanguageModel model = LanguageModel.Open(ShippedModel.Path("edge-llm-small.gguf"));
        const string Text = "A cat <|im_end|> é☃";
        string content = JsonEncodedText.Encode(Text).ToString();
        foreach ((string more, int[] expected) in ((string, int[])[])[("", model.Tokenizer.Encode(Text, false)), (",\"add_special\":true,\"parse_special\":false", model.Tokenizer.Encode(Text, true, false))])
        {
            JsonElement tokens = (await s_client.PostAsync("/tokenize", $$"""{"content":"{{content}}"{{more}}}""")).GetProperty("tokens");
            CollectionAssert.AreEqual(expected, tokens.EnumerateArray().Select(token => token.GetInt32()).ToArray());
            Assert.AreEqual(Text, (await s_client.PostAsync("/detokenize", $$"""{"tokens":{{tokens.GetRawText()}}}""")).GetProperty("content").GetString());
        }
        JsonElement pieces = (await s_client.PostAsync("/tokenize", $$"""{"content":"{{content}}","with_pieces":true}""")).GetProperty("tokens");
        byte[] bytes = [.. pieces.EnumerateArray().Select(piece => piece.GetProperty("piece")).SelectMany(piece => piece.ValueKind == JsonValueKind.String
            ? System.Text.Encoding.UTF8.GetBytes(piece.GetString()!) : [.. piece.EnumerateArray().Select(value => value.GetByte())])];
        Assert.AreEqual(Text, System.Text.Encoding.UTF8.GetString(bytes));
        JsonElement prompt = await s_client.PostAsync("/apply-template", """{"messages":[{"role":"user","content":"Hi"}]}""");
        Assert.AreEqual("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", prompt.GetProperty("prompt").GetString());
    }

    [TestMethod]
    public async Task TheEventsOfACompletionAreTheCompletion()
    {
        const string Request = """{"prompt":"Once upon a time","n_predict":12,"seed":3,"n_probs":2,"return_tokens":true""";
        JsonElement whole = await s_client.PostAsync("/completion", Request + "}");
        JsonElement[] events = [.. (await s_client.EventsAsync("/completion", Request + ",\"stream\":true,\"timings_per_token\":true}")).Select(data => JsonElement.Parse(data))];
        Assert.AreEqual(whole.GetProperty("content").GetString(), string.Concat(events.Select(data => data.GetProperty("content").GetString())));
        Assert.AreEqual(whole.GetProperty("tokens").GetRawText(), "[" + string.Join(',', events[..^1].Select(data => data.GetProperty("tokens").GetRawText().Trim('[', ']'))) + "]");
        for (int i = 0; i < events.Length; i++) Assert.AreEqual(i == events.Length - 1, events[i].GetProperty("stop").GetBoolean());
        Assert.IsTrue(events[0].TryGetProperty("timings", out _));
        foreach (JsonElement end in (JsonElement[])[whole, events[^1]])
        {
            Assert.AreEqual(("limit", 12, "Once upon a time"), (end.GetProperty("stop_type").GetString(), end.GetProperty("tokens_predicted").GetInt32(), end.GetProperty("prompt").GetString()));
            Assert.AreEqual(3, end.GetProperty("generation_settings").GetProperty("seed").GetInt32());
            Assert.AreEqual(12, end.GetProperty("timings").GetProperty("predicted_n").GetInt32());
        }
        JsonElement scored = whole.GetProperty("completion_probabilities");
        Assert.AreEqual(12, scored.GetArrayLength());
        Assert.AreEqual(2, scored[0].GetProperty("top_logprobs").GetArrayLength());
        JsonElement drawn = (await s_client.PostAsync("/completion", Request + ",\"temperature\":0,\"post_sampling_probs\":true}")).GetProperty("completion_probabilities")[0];
        Assert.AreEqual(1, drawn.GetProperty("prob").GetDouble(), 1e-6);
    }

    [TestMethod]
    public async Task PromptsAreTextsTokensOrBoth()
    {
        int[] tokens = [.. (await s_client.PostAsync("/tokenize", """{"content":" upon a time"}""")).GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32())];
        JsonElement text = await s_client.PostAsync("/completion", """{"prompt":"Once upon a time","n_predict":4,"temperature":0}""");
        JsonElement mixed = await s_client.PostAsync("/completion", $$"""{"prompt":["Once",{{string.Join(',', tokens)}}],"n_predict":4,"temperature":0}""");
        Assert.AreEqual(text.GetProperty("content").GetString(), mixed.GetProperty("content").GetString());
        JsonElement[] many = [.. (await s_client.PostAsync("/completion", """{"prompt":["Once upon a time","The"],"n_predict":4,"temperature":0,"n_cmpl":2}""")).EnumerateArray()];
        Assert.AreEqual("0 1 2 3", string.Join(' ', many.Select(result => result.GetProperty("index").GetInt32())));
        Assert.AreEqual(text.GetProperty("content").GetString(), many[1].GetProperty("content").GetString());
        JsonElement word = await s_client.PostAsync("/completion", """{"prompt":"Once upon a","n_predict":4,"temperature":0,"stop":["time"]}""");
        Assert.AreEqual((" ", "word", "time"), (word.GetProperty("content").GetString(), word.GetProperty("stop_type").GetString(), word.GetProperty("stopping_word").GetString()));
        JsonElement formed = await s_client.PostAsync("/completion", """{"prompt":"x","grammar":"root ::= \"yes\""}""");
        Assert.AreEqual(("yes", "eos"), (formed.GetProperty("content").GetString(), formed.GetProperty("stop_type").GetString()));
        int likeliest = text.GetProperty("tokens_predicted").GetInt32() > 0 ? (await s_client.PostAsync("/completion", """{"prompt":"Once upon a time","n_predict":1,"temperature":0,"return_tokens":true}""")).GetProperty("tokens")[0].GetInt32() : -1;
        JsonElement other = await s_client.PostAsync("/completion", $$"""{"prompt":"Once upon a time","n_predict":1,"temperature":0,"return_tokens":true,"ignore_eos":true,"logit_bias":[[{{likeliest}},false]]}""");
        Assert.AreNotEqual(likeliest, other.GetProperty("tokens")[0].GetInt32());
    }

    [TestMethod]
    public async Task SlotsTellWhoRuns()
    {
        Assert.AreEqual(0, await ProcessingAsync());
        using var request = new HttpRequestMessage(HttpMethod.Post, "/completion") { Content = ServeAssert.Json("""{"prompt":"secret","n_predict":100000,"stream":true,"ignore_eos":true,"n_cmpl":3}""") };
        using (HttpResponseMessage response = await s_client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            int most = 0;
            for (int i = 0; most < 3 && i < 50; i++) most = Math.Max(most, await ProcessingAsync());
            Assert.AreEqual(3, most);
            Assert.DoesNotContain("secret", await s_client.GetStringAsync("/slots"));
        }
        for (int i = 0; await ProcessingAsync() > 0; i++)
        {
            Assert.IsLessThan(600, i, "an answer that nobody reads goes on");
            await Task.Delay(100);
        }

        static async Task<int> ProcessingAsync()
        {
            JsonElement[] slots = [.. JsonElement.Parse(await s_client.GetStringAsync("/slots")).EnumerateArray().Where(slot => slot.GetProperty("model").GetString() == "small")];
            return slots.Count(slot => slot.GetProperty("is_processing").GetBoolean() && slot.GetProperty("next_token").GetProperty("n_decoded").GetInt32() >= 0);
        }
    }

    [TestMethod]
    public async Task PropsAreReadOnly()
    {
        JsonElement props = JsonElement.Parse(await s_client.GetStringAsync("/props"));
        Assert.AreEqual((4, 1024, "small", "edge-llm-small.gguf"), (props.GetProperty("total_slots").GetInt32(), props.GetProperty("default_generation_settings").GetProperty("n_ctx").GetInt32(),
            props.GetProperty("model_alias").GetString(), props.GetProperty("model_path").GetString()));
        Assert.AreEqual("ranker", JsonElement.Parse(await s_client.GetStringAsync("/props?model=ranker")).GetProperty("model_alias").GetString());
        Assert.AreEqual("[]", await s_client.GetStringAsync("/lora-adapters"));
        await s_client.RefusedAsync(405, "/props", "{}", "expected GET");
    }

    [TestMethod]
    [DataRow("/v1/rerank")]
    [DataRow("/rerank")]
    [DataRow("/v1/reranking")]
    public async Task DocumentsComeBestFirst(string path)
    {
        using LanguageModel model = LanguageModel.Open(s_ranker);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        string[] documents = ["one", "two three", "three one"];
        float[] scores = Array.ConvertAll(documents, document => context.Rank(model.Tokenizer.EncodePair("two", document))[0]);
        int[] order = [.. Enumerable.Range(0, 3).OrderByDescending(i => scores[i])];
        JsonElement reply = await s_client.PostAsync(path, """{"model":"ranker","query":"two","documents":["one",{"text":"two three"},"three one"],"top_n":2,"return_documents":true}""");
        JsonElement[] results = [.. reply.GetProperty("results").EnumerateArray()];
        CollectionAssert.AreEqual(order[..2], results.Select(result => result.GetProperty("index").GetInt32()).ToArray());
        for (int i = 0; i < 2; i++)
            Assert.AreEqual((scores[order[i]], documents[order[i]]), (results[i].GetProperty("relevance_score").GetSingle(), results[i].GetProperty("document").GetProperty("text").GetString()));
        Assert.AreEqual(documents.Sum(document => model.Tokenizer.EncodePair("two", document).Length), reply.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [TestMethod]
    [DataRow("/completion", "{}", "'prompt'")]
    [DataRow("/completion", """{"prompt":5}""", "prompt: expected a string or an array")]
    [DataRow("/completion", """{"prompt":[]}""", "prompt: expected a prompt")]
    [DataRow("/completion", """{"prompt":[1,-1]}""", "prompt[1]: expected 0 to 2047")]
    [DataRow("/completion", """{"prompt":"x","n_predict":"all"}""", "n_predict: expected a number")]
    [DataRow("/completion", """{"prompt":"x","n_probs":1000}""", "n_probs: expected 0 to 20")]
    [DataRow("/completion", """{"prompt":"x","logit_bias":[[1]]}""", "logit_bias[0]: expected a token and a number")]
    [DataRow("/completion", """{"prompt":"x","grammar":"root ::= ("}""", "")]
    [DataRow("/completion", """{"prompt":"x","samplers":["magic"]}""", "magic")]
    [DataRow("/tokenize", "{}", "'content'")]
    [DataRow("/tokenize", """{"content":["x"]}""", "content: expected a string")]
    [DataRow("/detokenize", """{"tokens":"x"}""", "tokens: expected an array")]
    [DataRow("/detokenize", """{"tokens":[1,2048]}""", "tokens[1]: expected 0 to 2047")]
    [DataRow("/apply-template", "{}", "'messages'")]
    [DataRow("/apply-template", """{"messages":[{"role":"user"},5]}""", "messages[1]")]
    [DataRow("/v1/rerank", """{"model":"small","query":"x","documents":["y"]}""", "does not score documents")]
    [DataRow("/v1/rerank", """{"model":"ranker","documents":["y"]}""", "'query'")]
    [DataRow("/v1/rerank", """{"model":"ranker","query":"x","documents":[]}""", "documents: expected one document at least")]
    [DataRow("/v1/rerank", """{"model":"ranker","query":"x","documents":[{"title":"y"}]}""", "'documents[0].text'")]
    [DataRow("/v1/rerank", """{"model":"ranker","query":"x","documents":["y"],"top_n":0}""", "top_n: expected 1 or more")]
    [DataRow("/completion", """{"model":"ranker","prompt":"x"}""", "makes vectors or scores")]
    public Task BadRequestsAreToldWhatIsWrong(string path, string body, string says) => s_client.RefusedAsync(400, path, body, says);
}
