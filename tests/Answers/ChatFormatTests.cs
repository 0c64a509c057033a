using System.Text.Json;
using System.Text.Json.Nodes;
using Edge.Llm.Answers;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Answers;

/// <summary>What a chat template tells about the answers of its model.</summary>
[TestClass]
public sealed class ChatFormatTests
{
    private const string Weather = """
        [{"type": "function", "function": {"name": "get.weather", "description": "Tells the weather.", "parameters": {"type": "object", "required": ["city"],
            "properties": {"city": {"type": "string", "description": "Where."}, "days": {"type": "integer", "description": "How long."}}}}}]
        """;

    private const string Turns = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";

    private static readonly Tokenizer s_tokenizer = SmallVocabularies.Bpe();
    private static readonly JsonElement s_tools = JsonDocument.Parse(Weather).RootElement;

    private static ChatTemplate Shipped(string name)
    {
        string path = Path.Combine(RepositoryFiles.Root(), "tests", "data", "chat-templates", name + ".jinja");
        if (!File.Exists(path)) Assert.Inconclusive("the sources are not on this machine");
        return ChatTemplate.Parse(File.ReadAllText(path));
    }

    [TestMethod]
    [DataRow("cogito-14b", "hermes")]
    [DataRow("deepcoder-14b", "deepseek-r1")]
    [DataRow("deepseek-r1-latest", "deepseek-r1")]
    [DataRow("deepseek-v3-671b", "deepseek-r1")]
    [DataRow("deepseek-v3.1-latest", "deepseek")]
    [DataRow("granite3.3-2b", "granite")]
    [DataRow("granite4-latest", "hermes")]
    [DataRow("llama3.1-8b", "llama")]
    [DataRow("llama3.2-3b", "llama")]
    [DataRow("llama4-latest", "llama")]
    [DataRow("qwen2.5-0.5b", "hermes")]
    [DataRow("qwen3-0.6b", "hermes")]
    [DataRow("qwen3-coder-30b", "qwen-coder")]
    [DataRow("qwq-32b", "hermes")]
    [DataRow("phi3-3.8b", null)]
    [DataRow("gemma3-1b", null)]
    [DataRow("hermes3-70b", null)]
    public void TheTemplateTellsTheStyle(string template, string? style) => Assert.AreEqual(style, ToolStyles.Of(Shipped(template).Source)?.Name);

    [TestMethod]
    [DataRow("cogito-14b", 2, "<|im_end|>")]
    [DataRow("granite4-latest", 2, "<|end_of_text|>")]
    [DataRow("llama3.1-8b", 1, "<|eot_id|>")]
    [DataRow("llama4-latest", 2, "<|eot|>")]
    [DataRow("qwen2.5-0.5b", 2, "<|im_end|>")]
    [DataRow("qwen3-0.6b", 2, "<|im_end|>")]
    [DataRow("qwen3-coder-30b", 2, "<|im_end|>")]
    [DataRow("qwq-32b", 2, "<|im_end|>")]
    [DataRow("deepseek-r1-latest", 2, "<｜end▁of▁sentence｜>")]
    [DataRow("deepseek-v3.1-latest", 2, "<｜end▁of▁sentence｜>")]
    public void CallsThatATemplateWritesComeBack(string name, int calls, string end)
    {
        ChatTemplate template = Shipped(name);
        var answer = new ChatAnswer();
        for (int i = 0; i < calls; i++)
            answer.Add([new AnswerDelta(AnswerPart.CallBegin, "", i, $"id{i}", "get.weather"), new AnswerDelta(AnswerPart.Arguments, $$"""{"city": "Bern \"{{i}}\"", "days": {{i}}}""", i),
                new AnswerDelta(AnswerPart.CallEnd, "", i)]);
        ChatMessage user = new("user", "How is the weather?");
        string before = template.Render([user], s_tools).Text, after = template.Render([user, answer.ToMessage()], s_tools, addGenerationPrompt: false).Text;
        StringAssert.StartsWith(after, before);
        string text = after[before.Length..];
        text = text[..text.LastIndexOf(end, StringComparison.Ordinal)];
        var again = new ChatAnswer();
        AnswerScanner scanner = new ChatFormat(template, s_tokenizer).Prepare([user], new AnswerOptions { Tools = s_tools }).NewScanner();
        again.Add([.. scanner.Append(text), .. scanner.Finish()]);
        Assert.AreEqual("", again.Content);
        Assert.HasCount(calls, again.Calls, text);
        for (int i = 0; i < calls; i++)
        {
            Assert.AreEqual("get.weather", again.Calls[i].Name);
            Assert.IsTrue(JsonNode.DeepEquals(JsonNode.Parse(answer.Calls[i].Arguments), JsonNode.Parse(again.Calls[i].Arguments)), again.Calls[i].Arguments);
        }
    }

    [TestMethod]
    [DataRow("<think>\n", true)]
    [DataRow("<think>\n\n</think>\n\n", false)]
    [DataRow("", false)]
    public void ThePromptMayOpenTheSection(string end, bool isOpen) => Assert.AreEqual(
        isOpen, new ChatFormat(ChatTemplate.Parse("{# <think> #}" + Turns + end), s_tokenizer).Prepare([new ChatMessage("user", "Hi")]).IsInReasoning);

    [TestMethod]
    public void ATemplateWithoutToolsGetsThemInTheSystemsMessage()
    {
        var format = new ChatFormat(ChatTemplate.Parse(Turns), s_tokenizer);
        var options = new AnswerOptions { Tools = s_tools };
        var answer = new ChatAnswer();
        AnswerScanner scanner = format.Prepare([new ChatMessage("user", "Hi")], options).NewScanner();
        answer.Add([.. scanner.Append("<tool_call>\n{\"name\": \"get.weather\", \"arguments\": {\"city\": \"Bern\"}}\n</tool_call>"), .. scanner.Finish()]);
        Assert.HasCount(1, answer.Calls);
        ChatMessage result = new ChatMessage("tool", "sunny").With("tool_call_id", JsonDocument.Parse($"\"{answer.Calls[0].Id}\"").RootElement);
        string text = s_tokenizer.Decode([.. format.Prepare([new ChatMessage("system", "Be kind."), new ChatMessage("user", "Hi"), answer.ToMessage(), result], options).Tokens]);
        StringAssert.StartsWith(text, "[system]Be kind.\n\nYou have access to tools.");
        StringAssert.Contains(text, "\"get.weather\"");
        StringAssert.EndsWith(text, "[user]Hi[assistant]<tool_call>\n{\"name\": \"get.weather\", \"arguments\": {\"city\": \"Bern\"}}\n</tool_call>"
            + "[user]<tool_response>\nsunny\n</tool_response>");
    }

    [TestMethod]
    public void NoneAndNoToolsLeaveThePromptAsItIs()
    {
        var format = new ChatFormat(ChatTemplate.Parse("{% if tools %}T{% endif %}<tool_call>" + Turns), s_tokenizer);
        ChatMessage[] messages = [new ChatMessage("user", "Hi")];
        ChatPrompt plain = format.Prepare(messages), none = format.Prepare(messages, new AnswerOptions { Tools = s_tools, ToolChoice = ToolChoice.None });
        CollectionAssert.AreEqual(plain.Tokens.ToArray(), none.Tokens.ToArray());
        Assert.IsNull(none.Options.Grammar);
        Assert.AreEqual("<tool_call>", none.NewScanner().Append("<tool_call>x")[0].Text[..11]);
        Assert.AreEqual(plain.Tokens.Count + 1, format.Prepare(messages, new AnswerOptions { Tools = s_tools }).Tokens.Count);
    }

    [TestMethod]
    public void WrongOptionsAreRefused()
    {
        var format = new ChatFormat(ChatTemplate.Parse(Turns), s_tokenizer);
        foreach (AnswerOptions wrong in (AnswerOptions[])[new() { ToolChoice = ToolChoice.Required }, new() { Tools = s_tools, ToolName = "other" }, new() { ToolName = "get.weather" },
            new() { ReasoningBudget = -2 }, new() { Tools = JsonDocument.Parse("{}").RootElement }])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => format.Prepare([new ChatMessage("user", "Hi")], wrong)).Code);
    }

    [TestMethod]
    public void IdsOfCallsDifferBetweenAnswersAndNotBetweenRuns()
    {
        var format = new ChatFormat(ChatTemplate.Parse("{# [TOOL_CALLS][ARGS] #}" + Turns), s_tokenizer);
        string Id(string text, ulong seed) => format.Prepare([new ChatMessage("user", text)], new AnswerOptions { Tools = s_tools }).NewScanner(seed)
            .Append("[TOOL_CALLS]get.weather[ARGS]{")[0].Id!;
        Assert.AreEqual(Id("a", 1), Id("a", 1));
        Assert.AreNotEqual(Id("a", 1), Id("a", 2));
        Assert.AreNotEqual(Id("a", 1), Id("b", 1));
        Assert.AreEqual(9, Id("a", 1).Length);
    }
}
