using System.Text.Json;
using Edge.Llm.Tests.Support;
using Microsoft.Extensions.AI;
using OllamaSharp;
using OllamaSharp.Models;
using OllamaSharp.Models.Chat;
using OllamaSharp.Models.Exceptions;
using ChatRole = OllamaSharp.Models.Chat.ChatRole;

namespace Edge.Llm.Tests.Serve;

/// <summary>OllamaSharp, and Microsoft.Extensions.AI over it.</summary>
[TestClass]
public sealed class OllamaSharpTests
{
    private static ScriptedModel s_calling = null!;
    private static TestServer s_server = null!;
    private static OllamaApiClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_calling = OllamaAssert.Saying("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>");
        s_server = await TestServer.StartAsync(null, TestServer.Small(), TestServer.Of("calling", s_calling.File, 4, new ContextOptions { Threads = 1, ContextSize = 2048 }));
        s_client = new OllamaApiClient(s_server.Address, "small");
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        s_client.Dispose();
        await s_server.DisposeAsync();
        s_calling.Dispose();
    }

    [TestMethod]
    public async Task ChatsAndTextsAreAnswered()
    {
        var request = new ChatRequest { Messages = [new Message(ChatRole.User, "Tell me a story.")], Options = new RequestOptions { NumPredict = 16, Seed = 4 }, KeepAlive = "5m" };
        (string streamed, ChatDoneResponseStream? done) = await ReadAsync(request);
        request.Stream = false;
        Assert.AreEqual(streamed, (await ReadAsync(request)).Text);
        Assert.AreEqual(("length", 16), (done!.DoneReason, done.EvalCount));
        Assert.IsGreaterThan(0, done.TotalDuration);
        string text = "";
        GenerateDoneResponseStream? last = null;
        await foreach (GenerateResponseStream? part in s_client.GenerateAsync(new GenerateRequest { Prompt = "Once upon", Raw = true, Options = new RequestOptions { NumPredict = 8 } }))
        {
            text += part!.Response;
            last = part as GenerateDoneResponseStream ?? last;
        }
        Assert.IsGreaterThan(0, text.Length);
        Assert.AreEqual(8, last!.EvalCount);

        static async Task<(string Text, ChatDoneResponseStream? Done)> ReadAsync(ChatRequest request)
        {
            string text = "";
            ChatDoneResponseStream? done = null;
            await foreach (ChatResponseStream? part in s_client.ChatAsync(request))
            {
                text += part!.Message.Content;
                done = part as ChatDoneResponseStream ?? done;
            }
            return (text, done);
        }
    }

    [TestMethod]
    public async Task ToolsGoRound()
    {
        using IChatClient chat = new OllamaApiClient(s_server.Address, "calling");
        AIFunctionDeclaration add = AIFunctionFactory.CreateDeclaration("add", "Adds one.", JsonElement.Parse("""{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"""));
        var options = new ChatOptions { Tools = [add] };
        ChatResponse called = await chat.GetResponseAsync([new(Microsoft.Extensions.AI.ChatRole.User, "Add.")], options);
        FunctionCallContent call = called.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Single();
        Assert.AreEqual(("add", "1"), (call.Name, call.Arguments!["a"]!.ToString()));
        IChatClient other = s_client;
        ChatResponse after = await other.GetResponseAsync([new(Microsoft.Extensions.AI.ChatRole.User, "Add."), .. called.Messages,
            new(Microsoft.Extensions.AI.ChatRole.Tool, [new FunctionResultContent(call.CallId, "2")])], new ChatOptions { MaxOutputTokens = 8 });
        Assert.IsGreaterThan(0, after.Text.Length);
    }

    [TestMethod]
    public async Task SchemasHold()
    {
        IChatClient chat = s_client;
        JsonElement schema = JsonElement.Parse("""{"type":"object","properties":{"name":{"enum":["Tom","Mia"]}},"required":["name"],"additionalProperties":false}""");
        ChatResponse cat = await chat.GetResponseAsync("A cat.", new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), MaxOutputTokens = 100 });
        Assert.Contains(JsonElement.Parse(cat.Text).GetProperty("name").GetString(), (string[])["Tom", "Mia"]);
        Assert.IsGreaterThan(0, cat.Usage!.InputTokenCount!.Value);
    }

    [TestMethod]
    public async Task ListsAndVectorsAreRead()
    {
        Assert.IsTrue(await s_client.IsRunningAsync());
        Assert.IsTrue(Version.TryParse(await s_client.GetVersionAsync(), out _));
        Model[] models = [.. await s_client.ListLocalModelsAsync()];
        Assert.AreEqual("small:latest", models[0].Name);
        Assert.AreEqual("Q8_0", models[0].Details.QuantizationLevel);
        EmbedResponse vectors = await s_client.EmbedAsync(new EmbedRequest { Model = "small", Input = ["a cat", "a dog"] });
        Assert.HasCount(2, vectors.Embeddings);
        RunningModel running = (await s_client.ListRunningModelsAsync()).First(model => model.Name == "small:latest");
        Assert.IsGreaterThan(0, running.Size);
        ShowModelResponse show = await s_client.ShowModelAsync(new ShowModelRequest { Model = "small" });
        Assert.AreEqual("llama", show.Info.Architecture);
        CollectionAssert.Contains(show.Capabilities!.ToArray(), "tools");
    }

    [TestMethod]
    public async Task ErrorsAreToldAndAnswersCanBeAborted()
    {
        Exception error = await Assert.ThrowsAsync<Exception>(() => s_client.ShowModelAsync(new ShowModelRequest { Model = "other" }));
        Assert.IsTrue(error is HttpRequestException or OllamaException, error.ToString());
        await Assert.ThrowsAsync<Exception>(async () =>
        {
            await foreach (ChatResponseStream? _ in s_client.ChatAsync(new ChatRequest { Messages = [new Message(ChatRole.User, "x")], Options = new RequestOptions { Temperature = 9 } })) Assert.Fail("a temperature of 9 was taken");
        });
        using var abort = new CancellationTokenSource();
        int seen = 0;
        try
        {
            var endless = new GenerateRequest { Prompt = "Once", Raw = true, Options = new RequestOptions { NumPredict = -1 } };
            await foreach (GenerateResponseStream? _ in s_client.GenerateAsync(endless, abort.Token))
                if (++seen == 3) await abort.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // or it ends without a word
        }
        Assert.IsGreaterThanOrEqualTo(3, seen);
        IChatClient chat = s_client;
        Assert.IsGreaterThan(0, (await chat.GetResponseAsync("A cat.", new ChatOptions { MaxOutputTokens = 4 })).Text.Length);
    }
}
