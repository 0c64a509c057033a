using System.Diagnostics;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>Standard streams that misbehave: a log that cannot be written, input that never ends.</summary>
[TestClass]
[OSCondition(OperatingSystems.Linux)]
public sealed class StreamsTests
{
    private static ScriptedModel s_model = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context) =>
        s_model = new ScriptedModel(["▁one", "▁two"], ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1);

    [ClassCleanup]
    public static void DeleteModel() => s_model.Dispose();

    [TestMethod]
    public void ALogOnAFullDiskChangesNothing()
    {
        Assert.AreEqual((0, " two\n", ""), Shell("2> /dev/full", "run", "-m", s_model.File, "-p", "one", "-n", "1"));
        Assert.AreEqual((2, "", ""), Shell("2> /dev/full", "inspect", "/no/such/file"));
        Assert.AreEqual((2, "", ""), Shell("> /dev/full 2>&1", "inspect", s_model.File));
    }

    [TestMethod]
    [DataRow("bytes of text", "", "run", "-f", "/dev/zero")]
    [DataRow("bytes of text", "< /dev/zero", "run")]
    [DataRow("bytes of text", "< /dev/zero", "tokenize")]
    [DataRow("lines of at most", "< /dev/zero", "chat", "--chat-template", "plain")]
    public void InputThatNeverEndsIsRefused(string expected, string redirection, string command, params string[] arguments)
    {
        (int exitCode, string output, string error) = Shell(redirection, [command, "-m", s_model.File, .. arguments]);
        Assert.AreEqual((2, ""), (exitCode, output), error);
        CommandLine.AssertOneLine(error);
        StringAssert.Contains(error, expected);
    }

    [TestMethod]
    [DataRow("run")]
    [DataRow("run", "-f", "-")]
    [DataRow("run", "-f", "/dev/stdin")]
    [DataRow("run", "-")]
    [DataRow("chat")]
    [DataRow("chat", "-p", "one")]
    [DataRow("tokenize")]
    [DataRow("tokenize", "-f", "-")]
    [DataRow("detokenize")]
    [DataRow("detokenize", "-")]
    [DataRow("logits", "--tokens", "-")]
    [DataRow("perplexity", "-f", "-")]
    [DataRow("imatrix", "-f", "-", "-o", "/dev/null")]
    public void AClosedStandardInputIsRefusedAtOnce(string command, params string[] arguments)
    {
        foreach (string redirection in (string[])["<&-", "<&- >&-"])
        {
            (int exitCode, string output, string error) = Shell(redirection, [command, "-m", s_model.File, .. arguments]);
            Assert.AreEqual((2, ""), (exitCode, output), error);
            CommandLine.AssertOneLine(error);
            StringAssert.Contains(error, "it is closed");
        }
        Assert.AreEqual((2, "", ""), Shell("<&- >&- 2>&-", [command, "-m", s_model.File, .. arguments]));
    }

    [TestMethod]
    [DataRow("run", "-p", "one")]
    [DataRow("chat", "-p", "one")]
    [DataRow("tokenize", "--text", "one")]
    [DataRow("detokenize", "3")]
    [DataRow("logits", "--tokens", "3")]
    [DataRow("plan")]
    [DataRow("bench")]
    public void AClosedStandardOutputIsRefusedAtOnce(string command, params string[] arguments)
    {
        (int exitCode, string output, string error) = Shell(">&-", [command, "-m", s_model.File, .. arguments]);
        Assert.AreEqual((2, ""), (exitCode, output), error);
        CommandLine.AssertOneLine(error);
        StringAssert.Contains(error, "standard output: it is closed");
    }

    [TestMethod]
    public void StreamsThatACommandDoesNotNeedMayBeClosed()
    {
        (int exitCode, string output, _) = Shell("<&-", "run", "-m", s_model.File, "-p", "one", "-n", "1");
        Assert.AreEqual((0, " two\n"), (exitCode, output));
        Assert.AreEqual((0, " two\n", ""), Shell("2>&-", "run", "-m", s_model.File, "-p", "one", "-n", "1"));
        string folder = Directory.CreateTempSubdirectory().FullName, copy = Path.Combine(folder, "copy.gguf");
        try
        {
            Assert.AreEqual(0, CommandLine.Run("split", s_model.File, "-o", Path.Combine(folder, "m"), "--max-tensors", "2").ExitCode);
            string part = Directory.GetFiles(folder).Order(StringComparer.Ordinal).First();
            Assert.AreEqual((0, "", ""), Shell("<&- >&- 2>&-", "merge", part, "-o", copy));
            Assert.AreEqual(0, CommandLine.Run("verify", copy).ExitCode, "and nothing of a log is in it");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Runs a command line with redirections of a shell.
    private static (int ExitCode, string Output, string Error) Shell(string redirection, params string[] arguments)
    {
        var start = new ProcessStartInfo("sh") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-c", $"\"$@\" {redirection}", "sh", .. CommandLine.Program(), .. arguments]) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        CommandLine.Finish(process, error, () => []);
        return (process.ExitCode, output.Result, error.Result);
    }
}
