using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>Options of llama.cpp that change nothing here are accepted, with values and without; others are refused.</summary>
[TestClass]
public sealed class LlamaCppOptionsTests
{
    private static ScriptedModel s_model = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context) =>
        s_model = new ScriptedModel(["▁one", "▁two"], ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1);

    [ClassCleanup]
    public static void DeleteModel() => s_model.Dispose();

    [TestMethod]
    [DataRow("-fa -no-cnv --color")]
    [DataRow("--flash-attn --no-conversation -co")]
    [DataRow("-fa on --color off -ub 4")]
    [DataRow("-fa auto -co auto --ubatch-size 512")]
    [DataRow("--flash-attn off -fa 1 -fa 0 -fa -1 --color=on --flash-attn=enabled -ub 1 -ub 2")]
    [DataRow("--no-display-prompt --no-warmup -fa disabled")]
    public void AcceptedByRun(string options)
    {
        string[] words = options.Split(' ');
        foreach (string[] arguments in (string[][])[[.. words, "-p", "one"], ["-p", "one", .. words], [.. words, "one"], ["one", .. words]])
        {
            CommandLine.Result result = CommandLine.Run(["run", "-m", s_model.File, "--temp", "0", .. arguments]);
            Assert.AreEqual((0, " two\n"), (result.ExitCode, result.Output), $"{string.Join(' ', arguments)}: {result.Error}");
        }
    }

    [TestMethod]
    [DataRow("chat", "-cnv --conversation -fa --color on -ub 3 --no-warmup")]
    [DataRow("plan", "-fa on -ub 3")]
    [DataRow("logits", "--tokens 1,2 -fa 1 --ubatch-size 1")]
    [DataRow("bench", "-p 4 -n 2 -r 1 -fa 0 -ub 2")]
    public void AcceptedByOthers(string command, string options)
    {
        CommandLine.Result result = CommandLine.Run([command, "-m", s_model.File, .. options.Split(' ')]);
        Assert.AreEqual(0, result.ExitCode, result.Error);
    }

    [TestMethod]
    public void TheSmallerBatchCounts()
    {
        string Plan(params string[] options) => CommandLine.Run(["plan", "-m", s_model.File, "--json", .. options]).Output;
        Assert.AreEqual(Plan("-b", "64"), Plan("-b", "2048", "-ub", "64"));
        Assert.AreEqual(Plan("-b", "64"), Plan("-b", "64", "-ub", "2048"));
        Assert.AreNotEqual(Plan("-b", "64"), Plan("-b", "64", "-ub", "32"));
    }

    [TestMethod]
    [DataRow("--flash-attn: expected on, off, auto, ", "run -fa=maybe -p one")]
    [DataRow("--color: expected on, off, auto, ", "run --color=red -p one")]
    [DataRow("more than one prompt", "run -fa maybe -p one")]
    [DataRow("--ubatch-size: expected an integer from 1 to 65536, found '0'", "run -ub 0 -p one")]
    [DataRow("--ubatch-size: expected an integer from 1 to 65536, found 'many'", "run -ub many -p one")]
    [DataRow("--conversation: run continues a text; edge-llm chat", "run -cnv -p one")]
    [DataRow("--no-conversation: chat is a conversation; edge-llm run", "chat -no-cnv -p one")]
    [DataRow("unknown option '-fa'", "tokenize -fa --text one")]
    [DataRow("unknown option '--color'", "plan --color")]
    public void Refused(string expected, string arguments)
    {
        string[] words = arguments.Split(' ');
        CommandLine.AssertUsageError(CommandLine.Run([words[0], "-m", s_model.File, .. words[1..]]), expected);
    }

    [TestMethod]
    public void AfterADoubleDashTheyAreText()
    {
        CommandLine.Result result = CommandLine.Run("run", "-m", s_model.File, "-n", "0", "--json", "--", "-fa");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Output, "\"prompt_tokens\": 5"); // BOS, and a token for each byte of " -fa"
    }
}
