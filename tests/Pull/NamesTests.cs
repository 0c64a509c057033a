using Edge.Llm.Cli.Models;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Pull;

/// <summary>Names of models in the place of their files.</summary>
[TestClass]
public sealed class NamesTests
{
    private static PullFixture s_fixture = null!;
    private static string s_text = null!;

    [ClassInitialize]
    public static void MakeFolder(TestContext context)
    {
        s_fixture = new PullFixture();
        using var model = new ScriptedModel([" one", " two"], 259, 260, 259);
        File.Copy(model.File, Path.Combine(s_fixture.Folder.Path, "story-Q8_0.gguf"));
        byte[][] parts = SplitModel.Parts();
        for (int i = 0; i < parts.Length; i++) File.WriteAllBytes(Path.Combine(s_fixture.Folder.Path, $"split-{i + 1:D5}-of-{parts.Length:D5}.gguf"), parts[i]);
        s_text = Path.Combine(s_fixture.Folder.Path, "text.txt");
        File.WriteAllText(s_text, string.Concat(Enumerable.Repeat(" one two", 40)));
    }

    [ClassCleanup]
    public static void DeleteFolder() => s_fixture.Dispose();

    [TestMethod]
    [DataRow("run -m NAME -p one -n 1")]
    [DataRow("run -m NAME -p one -n 1 --draft-model NAME")]
    [DataRow("chat -m NAME -p one -n 1")]
    [DataRow("tokenize -m NAME --text one")]
    [DataRow("detokenize -m NAME 65")]
    [DataRow("logits -m NAME --tokens 1")]
    [DataRow("bench -m NAME -p 1 -n 0 -r 1")]
    [DataRow("plan -m NAME")]
    [DataRow("inspect NAME")]
    [DataRow("verify NAME")]
    [DataRow("perplexity -m NAME NAME -f TEXT -c 16 --chunks 1")]
    [DataRow("imatrix -m NAME -f TEXT -c 16 --chunks 1 -o OUT")]
    [DataRow("quantize NAME OUT F16 --dry-run")]
    [DataRow("split NAME --max-tensors 2 --dry-run")]
    [DataRow("merge NAME -o OUT")]
    public void EveryCommandTakesThem(string line)
    {
        CommandLine.Result result = Run(line, "Story-q8_0");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        CommandLine.AssertUsageError(Run(line, "story"), "no model 'story': there is no such file, and no model of that name in ", "did you mean story-Q8_0?");
    }

    [TestMethod]
    [DataRow("embed -m NAME one")]
    [DataRow("rerank -m NAME --query one two")]
    [DataRow("run -m NAME -p one")]
    public void TheyAreLookedForBeforeTheWork(string line)
    {
        CommandLine.AssertUsageError(Run(line, "nothing-like-it"), "no model 'nothing-like-it'", "edge-llm pull gets more");
        CommandLine.AssertUsageError(Run(line, "hf:me/x:Q8_0"), "hf:me/x:Q8_0 has not been pulled: edge-llm pull hf:me/x:Q8_0");
        CommandLine.AssertUsageError(Run(line, "missing.gguf"), "missing.gguf", "no such file");
    }

    [TestMethod]
    public void AnAdapterIsFoundByName()
    {
        CommandLine.AssertUsageError(Run("logits -m NAME --tokens 1 --lora adapter:0.5", "story-Q8_0"), "no model 'adapter'");
        CommandLine.AssertUsageError(Run("logits -m NAME --tokens 1 --lora-scaled story-Q8_0:1", "story-Q8_0"), "story-Q8_0.gguf", "adapter");
    }

    [TestMethod]
    public void PartsOfASplitModelAreOne()
    {
        CommandLine.Result result = Run("inspect NAME", "split");
        StringAssert.Contains(result.Output, "in 2 file(s)");
        Assert.AreEqual("parts-of/split", ModelName.Part("parts-of/split-00001-of-00002")?.Name);
    }

    [TestMethod]
    public void TheVariableAndTheOptionNameThem()
    {
        CommandLine.Result result = CommandLine.Run(["plan", "--models-dir", s_fixture.Folder.Path], null, ("EDGE_LLM_MODEL", "story-Q8_0"), ("EDGE_LLM_MODELS", "/no/such/folder"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        string data = Path.Combine(s_fixture.Folder.Path, "data");
        result = CommandLine.Run(["plan", "-m", "story-Q8_0"], null, ("XDG_DATA_HOME", data), ("EDGE_LLM_MODELS", ""));
        if (OperatingSystem.IsLinux()) CommandLine.AssertUsageError(result, Path.Combine(data, "edge-llm", "models"));
    }

    [TestMethod]
    public void PartsAreNotWrittenIntoTheFolder()
    {
        CommandLine.Result result = Run("split NAME --max-tensors 2 --dry-run", "story-Q8_0");
        StringAssert.StartsWith(result.Output, "story-Q8_0-00001-of-");
        Assert.DoesNotContain(s_fixture.Folder.Path, result.Output);
    }

    [TestMethod]
    public void OfNamesThatDifferInCaseNoneIsGuessed()
    {
        using var other = new PullFixture();
        foreach (string name in (string[])["a", "A"]) File.WriteAllText(Path.Combine(other.Folder.Path, name + ".gguf"), name);
        if (other.Folder.All().Count < 2) Assert.Inconclusive("the file system knows no case");
        Assert.AreEqual("A", other.Folder.Find("A")!.Name);
        File.Move(Path.Combine(other.Folder.Path, "A.gguf"), Path.Combine(other.Folder.Path, "aB.gguf"));
        File.WriteAllText(Path.Combine(other.Folder.Path, "Ab.gguf"), "");
        Assert.IsNull(other.Folder.Find("AB"));
    }

    [TestMethod]
    [DataRow("not JSON")]
    [DataRow("{}")]
    [DataRow("{\"source\":\"x\",\"date\":\"yesterday\",\"files\":[]}")]
    [DataRow("{\"source\":\"x\",\"date\":\"2026-11-30T10:00:00Z\",\"files\":[{\"name\":null}]}")]
    public void ADamagedRecordIsNone(string text)
    {
        using var other = new PullFixture();
        File.WriteAllText(Path.Combine(other.Folder.Path, "x.gguf"), "");
        File.WriteAllText(Path.Combine(other.Folder.Path, "x.json"), text);
        Assert.IsNull(other.Folder.Find("x")!.Record);
    }

    private static CommandLine.Result Run(string line, string name)
    {
        string output = Path.Combine(s_fixture.Folder.Path, "out.tmp");
        string[] arguments = [.. line.Split(' ').Select(word => word switch { "NAME" => name, "TEXT" => s_text, "OUT" => output, _ => word })];
        return CommandLine.Run(arguments, null, ("EDGE_LLM_MODELS", s_fixture.Folder.Path));
    }
}
