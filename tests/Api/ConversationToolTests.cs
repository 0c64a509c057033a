using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

/// <summary>Conversations whose model calls tools or writes to itself.</summary>
[TestClass]
public sealed class ConversationToolTests
{
    private const string Tools = """[{"name": "now"}, {"name": "get", "parameters": {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"]}}]""";

    private const string Template = "{# <tool_call> tool_calls <think> #}{% for m in messages %}{{ m.role[0] }}{{ m.content }}"
        + "{% for call in m.tool_calls %}{{ call.function.name }}{{ call.id }}{% endfor %}{% endfor %} one";

    private static readonly GenerateOptions s_greedy = new() { Sampling = SamplingOptions.Greedy, MaxTokens = 80 };

    private static readonly string[] s_words = ["▁one", "<think>", "hm", "so", "</think>", "Hi", "<tool_call>"];

    private static Conversation Begin(string[] script, out IDisposable[] owned, string template = Template)
    {
        int[] tokens = [.. script.Prepend("▁one").Select(word => ScriptedModel.FirstWord + Array.IndexOf(s_words, word))];
        var file = new ScriptedModel(s_words, tokens, template);
        LanguageModel model = LanguageModel.Open(file.File);
        Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        var conversation = new Conversation(context) { AnswerOptions = new AnswerOptions { Tools = JsonDocument.Parse(Tools).RootElement } };
        owned = [conversation, context, model, file];
        return conversation;
    }

    private static ChatAnswer Ask(Conversation conversation, GenerateOptions? options = null)
    {
        var answer = new ChatAnswer();
        foreach (GeneratedToken _ in conversation.Ask("?", options ?? s_greedy)) answer.Add(conversation.Deltas);
        return answer;
    }

    private static void Dispose(IDisposable[] owned) => Array.ForEach(owned, one => one.Dispose());

    [TestMethod]
    public void ACallEndsUpInTheMessages()
    {
        using Conversation conversation = Begin(["<think>", "hm", "</think>", "Hi", "<tool_call>"], out IDisposable[] owned);
        ChatAnswer answer = Ask(conversation);
        Assert.AreEqual("Hi", answer.Content);
        Assert.AreEqual("hm", answer.Reasoning);
        Assert.HasCount(1, answer.Calls); // once it had begun, nothing but a valid call could follow
        ChatMessage message = conversation.Messages[1];
        Assert.AreEqual("Hi", message.Content);
        Assert.AreEqual("hm", message.Members.Single(member => member.Key == "reasoning_content").Value.GetString());
        JsonElement call = message.Members.Single(member => member.Key == "tool_calls").Value[0];
        Assert.AreEqual(answer.Calls[0].Id, call.GetProperty("id").GetString());
        Assert.AreEqual(answer.Calls[0].Name, call.GetProperty("function").GetProperty("name").GetString());
        conversation.Add(new ChatMessage("tool", "9"));
        _ = conversation.Answer(s_greedy).ToArray();
        StringAssert.Contains(owned[2] is LanguageModel model ? model.Tokenizer.Decode(conversation.Tokens.ToArray()) : "", $"{answer.Calls[0].Name}{answer.Calls[0].Id}t9");
        Dispose(owned);
    }

    [TestMethod]
    public void AChoiceForcesTheCall()
    {
        using Conversation conversation = Begin(["Hi"], out IDisposable[] owned);
        Assert.AreEqual("Hi", Ask(conversation).Content);
        conversation.AnswerOptions = conversation.AnswerOptions with { ToolName = "get" };
        ChatAnswer answer = Ask(conversation);
        Assert.AreEqual("", answer.Content);
        Assert.AreEqual("get", answer.Calls.Single().Name);
        Assert.AreEqual(7, JsonDocument.Parse(answer.Calls[0].Arguments).RootElement.GetProperty("n").GetInt32());
        Dispose(owned);
    }

    [TestMethod]
    public void ACallThatIsCutOffStaysText()
    {
        using Conversation conversation = Begin(["<tool_call>"], out IDisposable[] owned);
        conversation.AnswerOptions = conversation.AnswerOptions with { ToolName = "get" };
        ChatAnswer answer = Ask(conversation, s_greedy with { Stop = ["7"] });
        Assert.IsEmpty(answer.Calls);
        StringAssert.StartsWith(answer.Content, "<tool_call>\n{\"name\": \"get\", \"arguments\": {");
        Assert.AreEqual(answer.Content, conversation.Messages[^1].Content);
        Assert.IsFalse(conversation.Messages[^1].Members.Any(member => member.Key == "tool_calls"));
        Dispose(owned);
    }

    [TestMethod]
    [DataRow(-1, "hmso", "Hi")]
    [DataRow(2, "hmso", "Hi")]
    [DataRow(1, "hm", "Hi")]
    [DataRow(0, "", "Hi")]
    public void TheBudgetClosesTheSection(int budget, string reasoning, string content)
    {
        using Conversation conversation = Begin(["<think>", "hm", "so", "</think>", "Hi"], out IDisposable[] owned);
        foreach (bool tools in (bool[])[true, false])
        {
            conversation.AnswerOptions = new AnswerOptions { ReasoningBudget = budget, Tools = tools ? conversation.AnswerOptions.Tools : null };
            conversation.Reset();
            ChatAnswer answer = Ask(conversation);
            Assert.AreEqual(reasoning, answer.Reasoning);
            Assert.AreEqual(content, answer.Content);
        }
        Dispose(owned);
    }

    [TestMethod]
    public void TheBudgetCountsASectionThatThePromptOpened()
    {
        using Conversation conversation = Begin(["hm", "so"], out IDisposable[] owned, Template.Replace(" one", "<think> one"));
        Dispose(owned);
        int[] script = [.. ((string[])["<think>", "hm", "so", "</think>", "Hi"]).Select(word => ScriptedModel.FirstWord + Array.IndexOf(s_words, word))];
        using var file = new ScriptedModel(s_words, script, "{% for m in messages %}{{ m.content }}{% endfor %}<think>");
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        foreach ((int budget, string expected) in ((int, string)[])[(0, ""), (1, "hm"), (9, "hmso")])
        {
            using var open = new Conversation(context) { AnswerOptions = new AnswerOptions { ReasoningBudget = budget } };
            ChatAnswer answer = Ask(open);
            Assert.AreEqual(expected, answer.Reasoning);
            Assert.AreEqual("Hi", answer.Content);
        }
    }

    [TestMethod]
    public void TextOfAGrammarComesBehindTheSection()
    {
        using Conversation conversation = Begin(["<think>", "hm", "</think>", "Hi"], out IDisposable[] owned);
        conversation.AnswerOptions = new AnswerOptions();
        ChatAnswer answer = Ask(conversation, s_greedy with { Grammar = Grammar.Regex("[0-9]{3}") });
        Assert.AreEqual("hm", answer.Reasoning);
        StringAssert.Matches(answer.Content, new("^[0-9]{3}$"));
        Dispose(owned);
    }
}
