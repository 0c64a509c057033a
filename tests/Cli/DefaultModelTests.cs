using Edge.Llm.Cli;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

[TestClass]
public sealed class DefaultModelTests
{
    private string _folder = null!;

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void TheVariableNamesIt()
    {
        using var notices = new StringWriter();
        Assert.AreEqual("a.gguf", DefaultModel.Find(_folder, "a.gguf", notices));
        Assert.AreEqual("", notices.ToString());
    }

    [TestMethod]
    [DataRow(null)]
    [DataRow("")]
    public void TheModelBesideTheProgramIsAnnounced(string? variable)
    {
        string path = Path.Combine(_folder, "models", DefaultModel.FileName);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, []);
        using var notices = new StringWriter { NewLine = "\n" };
        Assert.AreEqual(path, DefaultModel.Find(_folder, variable, notices));
        CommandLine.AssertOneLine(notices.ToString());
        StringAssert.Contains(notices.ToString(), DefaultModel.FileName);
        StringAssert.Contains(notices.ToString(), "-m FILE");
    }

    [TestMethod]
    public void WithoutOneTheMessageSaysWhatToDo()
    {
        string message = Assert.ThrowsExactly<UsageException>(() => DefaultModel.Find(_folder, null, TextWriter.Null)).Message;
        StringAssert.Contains(message, "no model");
        StringAssert.Contains(message, "-m FILE");
        StringAssert.Contains(message, "EDGE_LLM_MODEL");
    }

    // With or without the file, depending on what was built.
    [TestMethod]
    [DataRow("run", "-p", "Once upon a time", "-n", "4")]
    [DataRow("chat", "-p", "Hello", "-n", "4")]
    [DataRow("bench", "-p", "1", "-n", "0", "-r", "1")]
    public void CommandsTakeIt(params string[] arguments)
    {
        CommandLine.Result result = CommandLine.Run(arguments);
        if (result.ExitCode == 0) StringAssert.StartsWith(result.Error, "edge-llm: using the small built-in model");
        else CommandLine.AssertUsageError(result, "no model", "-m FILE");
    }
}
