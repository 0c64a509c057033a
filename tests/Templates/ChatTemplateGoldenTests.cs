using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Templates;

/// <summary>Templates that models ship, against what an independent implementation renders (tests/data/chat-templates).</summary>
[TestClass]
public sealed class ChatTemplateGoldenTests
{
    private static readonly string s_folder = Path.Combine(RepositoryFiles.Root(), "tests", "data", "chat-templates");
    private static readonly DateTime s_now = new(2024, 7, 26, 12, 0, 0);

    public static IEnumerable<object[]> Templates() =>
        Directory.Exists(s_folder)
            ? Directory.EnumerateFiles(s_folder, "*.jinja").Order(StringComparer.Ordinal).Select(path => new object[] { Path.GetFileNameWithoutExtension(path) })
            : [["(the sources are not on this machine)"]];

    [TestMethod]
    [DynamicData(nameof(Templates))]
    public void RendersAsTheReference(string name)
    {
        if (!Directory.Exists(s_folder)) Assert.Inconclusive("the sources are not on this machine");
        ChatTemplate template = ChatTemplate.Parse(File.ReadAllText(Path.Combine(s_folder, name + ".jinja")));
        using JsonDocument expected = Read(name + ".json"), jinja2 = Read("jinja2.json"), conversations = Read("conversations.json");
        Dictionary<string, JsonElement> variables = conversations.RootElement.GetProperty("variables").EnumerateObject().ToDictionary(v => v.Name, v => v.Value);
        foreach (JsonProperty conversation in conversations.RootElement.GetProperty("cases").EnumerateObject())
        {
            JsonElement golden = expected.RootElement.GetProperty(conversation.Name);
            if (jinja2.RootElement.TryGetProperty(name, out JsonElement differing) && differing.TryGetProperty(conversation.Name, out JsonElement other)) golden = other;
            if (golden.GetString() is not { } text) continue;
            Assert.AreEqual(text, Render(template, conversation.Value, variables), $"{name}: {conversation.Name}");
        }
    }

    [TestMethod]
    public void ThereAreEnoughTemplates()
    {
        if (!Directory.Exists(s_folder)) Assert.Inconclusive("the sources are not on this machine");
        Assert.IsGreaterThanOrEqualTo(75, Templates().Count());
    }

    private static string Render(ChatTemplate template, JsonElement input, Dictionary<string, JsonElement> variables)
    {
        ChatMessage[] messages = [.. input.GetProperty("messages").EnumerateArray().Select(ChatMessage.FromJson)];
        JsonElement? tools = input.TryGetProperty("tools", out JsonElement value) ? value : null;
        bool open = !input.TryGetProperty("add_generation_prompt", out JsonElement flag) || flag.GetBoolean();
        try
        {
            return template.Render(messages, tools, open, variables, s_now).Text;
        }
        catch (EdgeLlmException error)
        {
            return "error: " + error.Message;
        }
    }

    private static JsonDocument Read(string file) => JsonDocument.Parse(File.ReadAllText(Path.Combine(s_folder, file)));
}
