using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Responses;

namespace Edge.Llm.Tests.Serve;

/// <summary>OpenAI's own library for .NET, and Microsoft.Extensions.AI over it.</summary>
[TestClass]
public sealed class DotNetClientTests
{
    private static TestServer s_server = null!;
    private static RecordingProxy s_proxy = null!;
    private static OpenAIClient s_client = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        s_server = await TestServer.StartAsync();
        s_proxy = await RecordingProxy.StartAsync(s_server.Address);
        s_client = new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(s_proxy.Address, "/v1"), RetryPolicy = new ClientRetryPolicy(0) });
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        await s_proxy.DisposeAsync();
        await s_server.DisposeAsync();
    }

    [TestCleanup]
    public void AllRepliesAreAsPublished()
    {
        if (Environment.GetEnvironmentVariable("EDGE_LLM_SHARED") is null) return;
        while (s_proxy.Exchanges.TryDequeue(out Exchange? exchange)) Assert.AreEqual("", string.Join('\n', OpenAiSchemas.Violations(exchange)));
    }

    [TestMethod]
    public async Task AnswersAndStreamsAreTheSame()
    {
        ChatClient chat = s_client.GetChatClient("small");
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 24, Temperature = 0, IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };
        ChatCompletion whole = await chat.CompleteChatAsync([new UserChatMessage("Tell me a story.")], options);
        string text = "";
        await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync([new UserChatMessage("Tell me a story.")], options))
            foreach (ChatMessageContentPart part in update.ContentUpdate) text += part.Text;
        Assert.AreEqual(whole.Content[0].Text, text);
        Assert.AreEqual(24, whole.Usage.OutputTokenCount);
        Assert.HasCount(24, whole.ContentTokenLogProbabilities);
        Assert.AreEqual(OpenAI.Chat.ChatFinishReason.Length, whole.FinishReason);
    }

    [TestMethod]
    public async Task ToolsAndSchemasHold()
    {
        ChatClient chat = s_client.GetChatClient("small");
        var schema = BinaryData.FromString("""{"type":"object","properties":{"name":{"enum":["Tom","Mia"]}},"required":["name"],"additionalProperties":false}""");
        ChatCompletion cat = await chat.CompleteChatAsync([new UserChatMessage("A cat.")],
            new ChatCompletionOptions { ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("cat", schema, jsonSchemaIsStrict: true) });
        Assert.Contains(JsonElement.Parse(cat.Content[0].Text).GetProperty("name").GetString(), (string[])["Tom", "Mia"]);
        var options = new ChatCompletionOptions { ToolChoice = ChatToolChoice.CreateRequiredChoice(), MaxOutputTokenCount = 200 };
        options.Tools.Add(ChatTool.CreateFunctionTool("name_cat", functionParameters: schema));
        ChatCompletion called = await chat.CompleteChatAsync([new UserChatMessage("A cat.")], options);
        Assert.AreEqual(OpenAI.Chat.ChatFinishReason.ToolCalls, called.FinishReason);
        ChatCompletion answered = await chat.CompleteChatAsync(
            [new UserChatMessage("A cat."), new AssistantChatMessage(called), new ToolChatMessage(called.ToolCalls[0].Id, "done")], new ChatCompletionOptions { MaxOutputTokenCount = 8 });
        Assert.IsGreaterThan(0, answered.Content[0].Text.Length);
    }

#pragma warning disable OPENAI001 // the library says that this part of it may change
    [TestMethod]
    public async Task ResponsesAreServedAsWell()
    {
        var responses = new ResponsesClient(new ApiKeyCredential("none"), new ResponsesClientOptions { Endpoint = new Uri(s_proxy.Address, "/v1"), RetryPolicy = new ClientRetryPolicy(0) });
        using IChatClient chat = responses.AsIChatClient("small");
        var options = new ChatOptions { MaxOutputTokens = 16, Temperature = 0, Instructions = "Be brief." };
        string text = "";
        await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("Tell me a story.", options)) text += update.Text;
        Assert.AreEqual((await chat.GetResponseAsync("Tell me a story.", options)).Text, text);
        Assert.IsGreaterThan(0, text.Length);
        JsonElement schema = JsonElement.Parse("""{"type":"object","properties":{"name":{"enum":["Tom","Mia"]}},"required":["name"],"additionalProperties":false}""");
        ChatResponse called = await chat.GetResponseAsync("A cat.", new ChatOptions
        {
            Tools = [AIFunctionFactory.CreateDeclaration("name_cat", "names", schema)], ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = false, MaxOutputTokens = 200,
        });
        FunctionCallContent call = called.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Single();
        Assert.Contains(call.Arguments!["name"]!.ToString(), (string[])["Tom", "Mia"]);
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> turns = [new(ChatRole.User, "A cat."), .. called.Messages, new(ChatRole.Tool, [new FunctionResultContent(call.CallId, "done")])];
        Assert.IsGreaterThan(0, (await chat.GetResponseAsync(turns, new ChatOptions { MaxOutputTokens = 16 })).Text.Length);
        ClientResultException error = await Assert.ThrowsExactlyAsync<ClientResultException>(() => chat.GetResponseAsync("x", new ChatOptions { ConversationId = "resp_1" }));
        Assert.Contains("previous_response_id", error.Message);
    }
#pragma warning restore OPENAI001

    [TestMethod]
    public async Task ErrorsHaveTheirStatus()
    {
        ClientResultException error = await Assert.ThrowsExactlyAsync<ClientResultException>(() => s_client.GetChatClient("other").CompleteChatAsync([new UserChatMessage("x")]));
        Assert.AreEqual(404, error.Status);
        Assert.Contains("does not exist", error.Message);
    }

    [TestMethod]
    public async Task EmbeddingsHaveALength()
    {
        var vectors = await s_client.GetEmbeddingClient("small").GenerateEmbeddingsAsync(["a cat", "a dog"]);
        Assert.HasCount(2, vectors.Value);
        Assert.AreEqual(256, vectors.Value[0].ToFloats().Length);
    }

    [TestMethod]
    public async Task ExtensionsAiTalksToIt()
    {
        using IChatClient chat = s_client.GetChatClient("small").AsIChatClient();
        string text = "";
        await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("Tell me a story.", new ChatOptions { MaxOutputTokens = 16, Temperature = 0 })) text += update.Text;
        Assert.AreEqual((await chat.GetResponseAsync("Tell me a story.", new ChatOptions { MaxOutputTokens = 16, Temperature = 0 })).Text, text);
        using var abort = new CancellationTokenSource();
        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            await foreach (ChatResponseUpdate _ in chat.GetStreamingResponseAsync("Tell me a story.", new ChatOptions { MaxOutputTokens = 500 }, abort.Token)) await abort.CancelAsync();
        });
    }
}
