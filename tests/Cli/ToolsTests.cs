using System.Text;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>Tools on the command line.</summary>
[TestClass]
public sealed class ToolsTests
{
    private static readonly string[] s_words = ["▁one", "<think>", "hm", "</think>", "Hi"];

    private static ScriptedModel s_model = null!;
    private static string s_tools = null!;

    [ClassInitialize]
    public static void Make(TestContext context)
    {
        int[] script = [.. s_words.Select((_, i) => ScriptedModel.FirstWord + i)];
        s_model = new ScriptedModel(s_words, script, "{# <tool_call> tool_calls <think> #}{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %} one");
        s_tools = Path.GetTempFileName();
        File.WriteAllText(s_tools, """[{"name": "get.n", "parameters": {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"]}}]""");
    }

    [ClassCleanup]
    public static void Delete()
    {
        s_model.Dispose();
        File.Delete(s_tools);
    }

    private static string[] Arguments(string command, params string[] more) =>
        [command, "-m", s_model.File, "-t", "1", "--temp", "0", "-n", "90", "--tools", s_tools, .. more];

    [TestMethod]
    public void CallsAreLinesOfJsonAndTheNextLineIsTheirResult()
    {
        CommandLine.Result result = CommandLine.Run(Arguments("chat", "--tool-choice", "required", "--no-parallel-tool-calls"), Encoding.UTF8.GetBytes("q\n9\n"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        Assert.HasCount(2, lines, result.Output); // the choice holds for the second answer as well
        foreach (string line in lines)
        {
            JsonElement call = JsonDocument.Parse(line).RootElement;
            Assert.AreEqual("get.n", call.GetProperty("name").GetString());
            Assert.AreEqual(7, call.GetProperty("arguments").GetProperty("n").GetInt32());
            StringAssert.StartsWith(call.GetProperty("id").GetString(), "call_");
        }
        Assert.AreNotEqual(lines[0], lines[1], "ids differ");
        StringAssert.Contains(result.Error, "hm");
    }

    [TestMethod]
    public void RunAnswersAQuestionWithTools()
    {
        CommandLine.Result text = CommandLine.Run(Arguments("run", "q"));
        Assert.AreEqual((0, "Hi\n"), (text.ExitCode, text.Output), text.Error);
        CommandLine.Result json = CommandLine.Run(Arguments("run", "q", "--json", "--tool-choice", "get.n", "--reasoning-budget", "0"));
        Assert.AreEqual(0, json.ExitCode, json.Error);
        JsonElement answer = JsonDocument.Parse(json.Output).RootElement;
        Assert.AreEqual("", answer.GetProperty("content").GetString());
        Assert.AreEqual("", answer.GetProperty("reasoning_content").GetString());
        Assert.AreEqual("get.n", answer.GetProperty("tool_calls")[0].GetProperty("function").GetProperty("name").GetString());
    }

    [TestMethod]
    public void WrongOptionsAreToldApart()
    {
        CommandLine.Result unknown = CommandLine.Run(Arguments("run", "q", "--tool-choice", "other"));
        Assert.AreNotEqual(0, unknown.ExitCode);
        StringAssert.Contains(unknown.Error, "\"other\"");
        CommandLine.Result without = CommandLine.Run("run", "-m", s_model.File, "q", "--tool-choice", "required");
        Assert.AreEqual(2, without.ExitCode);
        StringAssert.Contains(without.Error, "--tools");
        CommandLine.Result none = CommandLine.Run("run", "-m", s_model.File, "q", "--tools", s_model.File);
        Assert.AreEqual(2, none.ExitCode);
        StringAssert.Contains(none.Error, "JSON");
    }
}
