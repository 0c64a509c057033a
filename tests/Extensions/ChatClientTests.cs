using System.Text.Json;
using Edge.Llm.Extensions.AI;
using Edge.Llm.Tests.Support;
using Microsoft.Extensions.AI;
using Message = Microsoft.Extensions.AI.ChatMessage;

namespace Edge.Llm.Tests.Extensions;

[TestClass]
public sealed class ChatClientTests : IDisposable
{
    private const string Template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}X{% endif %}";

    private static readonly string[] s_words = [" two", " three", " four"];

    // The X that ends the prompt, and what follows.
    private static readonly int[] s_story = [ScriptedModel.FirstByte + 'X', ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1, ScriptedModel.FirstWord + 2];

    private readonly ScriptedModel _file;
    private readonly LanguageModel _model;
    private readonly EdgeLlmChatClient _client;

    public ChatClientTests()
    {
        _file = new ScriptedModel(s_words, s_story, Template);
        _model = LanguageModel.Open(_file.File);
        _client = new EdgeLlmChatClient(_model, new ContextOptions { Threads = 1 });
    }

    public void Dispose()
    {
        _client.Dispose();
        _model.Dispose();
        _file.Dispose();
    }

    [TestMethod]
    public async Task AQuestionIsAnswered()
    {
        ChatResponse response = await _client.GetResponseAsync("hi", new ChatOptions { Temperature = 0 });
        Assert.AreEqual(" two three four", response.Text);
        Assert.AreEqual(ChatFinishReason.Stop, response.FinishReason);
        Assert.AreEqual(ChatRole.Assistant, response.Messages.Single().Role);
        Assert.AreEqual(3, response.Usage!.OutputTokenCount);
        Assert.AreEqual(response.Usage.InputTokenCount + 3, response.Usage.TotalTokenCount);
    }

    [TestMethod]
    public async Task ATemplateMayAskForTheDate()
    {
        using var client = new EdgeLlmChatClient(_model, template: ChatTemplate.Parse("{% if strftime_now('%Y')|int < 2025 %}{{ raise_exception('no clock') }}{% endif %}X"));
        Assert.AreEqual(" two three four", (await client.GetResponseAsync("hi", new ChatOptions { Temperature = 0 })).Text);
    }

    [TestMethod]
    public async Task ItStreamsAndHonoursLimitsAndStops()
    {
        var texts = new List<string>();
        ChatFinishReason? finish = null;
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync("hi", new ChatOptions { MaxOutputTokens = 2 }))
        {
            if (update.Text.Length > 0) texts.Add(update.Text);
            finish = update.FinishReason ?? finish;
        }
        CollectionAssert.AreEqual((string[])[" two", " three"], texts);
        Assert.AreEqual(ChatFinishReason.Length, finish);
        Assert.AreEqual(" two", (await _client.GetResponseAsync("hi", new ChatOptions { StopSequences = [" three"] })).Text);
    }

    [TestMethod]
    public async Task FunctionsAreCalledAndGetTheirResultsBack()
    {
        string[] words = ["<think>", "hm", "</think>", "Hi"];
        using var file = new ScriptedModel(words, [ScriptedModel.FirstByte + 'X', .. words.Select((_, i) => ScriptedModel.FirstWord + i)],
            "{# <tool_call> tool_calls <think> #}{% for m in messages %}{{ m.role[0] }}{{ m.content }}{{ m.tool_call_id }}"
            + "{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments|tojson }}{% endfor %}{% endfor %}X");
        using LanguageModel model = LanguageModel.Open(file.File);
        using var client = new EdgeLlmChatClient(model, new ContextOptions { Threads = 1 });
        AIFunction double_ = AIFunctionFactory.Create((int n) => 2 * n, "double");
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 90, Tools = [double_], ToolMode = ChatToolMode.RequireSpecific("double") };
        var messages = new List<Message> { new(ChatRole.User, "?") };
        ChatResponse response = await client.GetResponseAsync(messages, options);
        Assert.AreEqual(ChatFinishReason.ToolCalls, response.FinishReason);
        FunctionCallContent call = response.Messages.Single().Contents.OfType<FunctionCallContent>().Single();
        Assert.AreEqual("double", call.Name);
        Assert.AreEqual("hm", response.Messages.Single().Contents.OfType<TextReasoningContent>().Single().Text);
        object? result = await double_.InvokeAsync(new AIFunctionArguments(call.Arguments));
        messages = [new(ChatRole.User, "?"), new(ChatRole.Assistant, [call]), new(ChatRole.Tool, [new FunctionResultContent(call.CallId, result)])];
        response = await client.GetResponseAsync(messages, new ChatOptions { Temperature = 0 });
        Assert.AreEqual("Hi", response.Text);
        Assert.AreEqual(ChatFinishReason.Stop, response.FinishReason);
    }

    [TestMethod]
    public async Task TheSameSeedGivesTheSameText()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: Template);
        using LanguageModel model = LanguageModel.Open(file.File);
        using var client = new EdgeLlmChatClient(model, new ContextOptions { Threads = 1 });
        async Task<string> Ask(long? seed) => (await client.GetResponseAsync("hi", new ChatOptions { Seed = seed, MaxOutputTokens = 20, Temperature = 2 })).Text;
        Assert.AreEqual(await Ask(5), await Ask(5));
        Assert.AreNotEqual(await Ask(5), await Ask(6));
    }

    [TestMethod]
    public async Task InstructionsAreTheSystems()
    {
        long? plain = (await _client.GetResponseAsync("hi")).Usage!.InputTokenCount;
        ChatResponse first = await _client.GetResponseAsync("hi", new ChatOptions { Instructions = "abc" });
        Assert.AreEqual(plain + "[system]abc".Length, first.Usage!.InputTokenCount);
        Message[] withSystem = [new(ChatRole.System, "x"), new(ChatRole.User, "hi")];
        ChatResponse both = await _client.GetResponseAsync(withSystem, new ChatOptions { Instructions = "abc" });
        Assert.AreEqual(plain + "[system]abc\n\nx".Length, both.Usage!.InputTokenCount);
    }

    [TestMethod]
    public async Task RequestsWaitForOneAnother()
    {
        string[] texts = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ => (await _client.GetResponseAsync("hi", new ChatOptions { Temperature = 0 })).Text));
        Assert.IsTrue(texts.All(text => text == " two three four"));
    }

    [TestMethod]
    public async Task AReaderThatLeavesOrCancelsEndsTheWork()
    {
        int[] circle = [s_story[0], s_story[1], s_story[2], s_story[1]];
        using var file = new ScriptedModel(s_words, circle, Template);
        using LanguageModel model = LanguageModel.Open(file.File);
        using var client = new EdgeLlmChatClient(model, new ContextOptions { Threads = 1, ContextSize = 4096 });
        await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync("hi")) break;
        using var source = new CancellationTokenSource();
        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync("hi", cancellationToken: source.Token)) source.Cancel();
        });
        Assert.AreEqual(" two", (await client.GetResponseAsync("hi", new ChatOptions { MaxOutputTokens = 1 })).Text);
    }

    [TestMethod]
    public async Task ACallInsideALoopOverAStreamIsAnsweredAndTheStreamGoesOn()
    {
        var options = new ChatOptions { Temperature = 0 };
        string text = "";
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync("hi", options))
        {
            text += update.Text;
            Assert.AreEqual(" two three four", (await _client.GetResponseAsync("hi", options).WaitAsync(TimeSpan.FromMinutes(2))).Text);
        }
        Assert.AreEqual(" two three four", text);
    }

    [TestMethod]
    public async Task OverADisposedModelItThrows()
    {
        using LanguageModel model = LanguageModel.Open(_file.File);
        using var client = new EdgeLlmChatClient(model);
        using var generator = new EdgeLlmEmbeddingGenerator(model);
        model.Dispose();
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => client.GetResponseAsync("hi"));
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => client.GetResponseAsync("hi"), "and its turn is free again");
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => generator.GenerateAsync(["hi"]));
        Assert.ThrowsExactly<ObjectDisposedException>(() => new EdgeLlmChatClient(model));
    }

    [TestMethod]
    public async Task DisposedOfDuringARequestItFailsAndNobodyWaitsForEver()
    {
        int[] circle = [s_story[0], s_story[1], s_story[2], s_story[1]];
        using var file = new ScriptedModel(s_words, circle, Template);
        using LanguageModel model = LanguageModel.Open(file.File);
        var client = new EdgeLlmChatClient(model, new ContextOptions { Threads = 1, ContextSize = 1 << 16 });
        await using IAsyncEnumerator<ChatResponseUpdate> stream = client.GetStreamingResponseAsync("hi").GetAsyncEnumerator();
        Assert.IsTrue(await stream.MoveNextAsync());
        Task<ChatResponse> waiting = client.GetResponseAsync("hi");
        while (true)
        {
            try
            {
                client.Dispose();
                break;
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.Busy) // a token is being computed
            {
            }
        }
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(async () =>
        {
            while (await stream.MoveNextAsync()) continue;
        });
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => waiting);
        client.Dispose();
    }

    [TestMethod]
    public async Task AJsonResponseFollowsItsSchema()
    {
        JsonElement schema = JsonDocument.Parse("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}").RootElement;
        var options = new ChatOptions { MaxOutputTokens = 40, ResponseFormat = ChatResponseFormat.ForJsonSchema(schema) };
        ChatResponse response = await _client.GetResponseAsync("hi", options);
        Assert.AreEqual(JsonValueKind.Number, JsonDocument.Parse(response.Text).RootElement.GetProperty("n").ValueKind);
        options.ResponseFormat = ChatResponseFormat.Json;
        response = await _client.GetResponseAsync("hi", options);
        Assert.AreEqual(JsonValueKind.Object, JsonDocument.Parse(response.Text).RootElement.ValueKind);
    }

    [TestMethod]
    public async Task WhatItCannotDoIsRefused()
    {
        async Task Refused(ChatOptions options, params Message[] messages) => Assert.AreEqual(ErrorCode.Unsupported,
            (await Assert.ThrowsExactlyAsync<EdgeLlmException>(() => _client.GetResponseAsync(messages, options))).Code);
        await Refused(new ChatOptions { Tools = [new HostedWebSearchTool()] }, new Message(ChatRole.User, "hi"));
        await Refused(new ChatOptions(), new Message(ChatRole.User, [new DataContent(new byte[3], "image/png")]));
        EdgeLlmException full = await Assert.ThrowsExactlyAsync<EdgeLlmException>(() => _client.GetResponseAsync(new string('x', 1000)));
        Assert.AreEqual(ErrorCode.ContextFull, full.Code);
        using var untemplated = new ScriptedModel(s_words, s_story);
        using LanguageModel model = LanguageModel.Open(untemplated.File);
        Assert.AreEqual(ErrorCode.Unsupported, Assert.ThrowsExactly<EdgeLlmException>(() => new EdgeLlmChatClient(model)).Code);
    }

    [TestMethod]
    public async Task WithoutMessagesThereIsNothingToAnswer()
    {
        async Task Refused(Func<Task> call) => Assert.AreEqual(ErrorCode.InvalidArgument, (await Assert.ThrowsExactlyAsync<EdgeLlmException>(call)).Code);
        await Refused(() => _client.GetResponseAsync([]));
        await Refused(() => _client.GetResponseAsync("hi", new ChatOptions { StopSequences = [""] }));
        await Refused(() => _client.GetResponseAsync("hi", new ChatOptions { StopSequences = [null!] }));
        using var generator = new EdgeLlmEmbeddingGenerator(_model, new ContextOptions { Threads = 1 });
        await Refused(() => generator.GenerateAsync(["a", ""]));
        Assert.AreEqual(0, (await generator.GenerateAsync([])).Count);
    }

    [TestMethod]
    public void ItsServicesAreFound()
    {
        Assert.AreEqual("edge-llm", _client.GetService<ChatClientMetadata>()!.ProviderName);
        Assert.AreSame(_model, _client.GetService<LanguageModel>());
        Assert.AreSame(_client, _client.GetService<IChatClient>());
        Assert.IsNull(_client.GetService<string>());
    }

    [TestMethod]
    public async Task TextsAreEmbedded()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: Template);
        using LanguageModel model = LanguageModel.Open(file.File);
        using var generator = new EdgeLlmEmbeddingGenerator(model, new ContextOptions { Threads = 1 });
        GeneratedEmbeddings<Embedding<float>> vectors = await generator.GenerateAsync(["abc", "xyz", "abc"]);
        Assert.AreEqual(3, vectors.Count);
        CollectionAssert.AreEqual(vectors[0].Vector.ToArray(), vectors[2].Vector.ToArray());
        CollectionAssert.AreNotEqual(vectors[0].Vector.ToArray(), vectors[1].Vector.ToArray());
        Assert.AreEqual(model.EmbeddingLength, vectors[0].Vector.Length);
        Assert.AreEqual(vectors.Usage!.InputTokenCount, vectors.Usage.TotalTokenCount);
        Assert.AreEqual(model.EmbeddingLength, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions);
        await Assert.ThrowsExactlyAsync<EdgeLlmException>(() => generator.GenerateAsync(["abc"], new EmbeddingGenerationOptions { Dimensions = 3 }));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        await Assert.ThrowsAsync<OperationCanceledException>(() => generator.GenerateAsync(["abc"], cancellationToken: cancelled.Token));
    }

}
