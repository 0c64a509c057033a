using System.Text;
using System.Text.Json;
using Edge.Llm.Templates.Jinja;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Templates;

/// <summary>The template language against Jinja2 as Python's transformers sets it up: the texts of tests/data/jinja/golden.json.</summary>
[TestClass]
public sealed class JinjaReferenceTests
{
    private static readonly string s_golden = Path.Combine(RepositoryFiles.Root(), "tests", "data", "jinja", "golden.json");
    private static readonly DateTime s_now = new(2024, 7, 6, 9, 5, 3);

    public static IEnumerable<object[]> Groups()
    {
        if (!File.Exists(s_golden)) return [["(the sources are not on this machine)"]];
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(s_golden));
        return [.. golden.RootElement.GetProperty("cases").EnumerateObject().Select(group => new object[] { group.Name })];
    }

    [TestMethod]
    [DynamicData(nameof(Groups))]
    public void RendersAsJinja2(string group)
    {
        if (!File.Exists(s_golden)) Assert.Inconclusive("the sources are not on this machine");
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(s_golden));
        JsonElement context = golden.RootElement.GetProperty("context");
        var differences = new StringBuilder();
        foreach (JsonElement pair in golden.RootElement.GetProperty("cases").GetProperty(group).EnumerateArray())
        {
            (string template, string? expected) = (pair[0].GetString()!, pair[1].GetString());
            if (string.IsNullOrWhiteSpace(template)) continue; // Jinja2 renders it; here a model's template may not be empty
            (string? text, string? error) = Render(template, context);
            if (text != expected) differences.AppendLine($"{template}: expected {Shown(expected, null)}, found {Shown(text, error)}");
        }
        Assert.AreEqual("", differences.ToString());
    }

    private static (string? Text, string? Error) Render(string template, JsonElement context)
    {
        var input = new TemplateInput(argumentsAsText: false);
        try
        {
            return (ChatTemplate.Parse(template).Evaluate([.. context.EnumerateObject().Select(member => (member.Name, input.Convert(member.Value)))], 1000, s_now).Value, null);
        }
        catch (EdgeLlmException error)
        {
            return (null, error.Message);
        }
    }

    private static string Shown(string? text, string? error) => text is null ? $"an error ({error})" : JsonSerializer.Serialize(text);
}
