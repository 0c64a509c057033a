using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>edge-llm imatrix.</summary>
[TestClass]
public sealed class ImatrixTests
{
    private static ScriptedModel s_model = null!;
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [ClassInitialize]
    public static void MakeModel(TestContext context) => s_model = new ScriptedModel(["▁one", "▁two"], ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1);

    [ClassCleanup]
    public static void DeleteModel() => s_model.Dispose();

    [TestInitialize]
    public void WriteText() => File.WriteAllText(In("text.txt"), string.Concat(Enumerable.Repeat("one two ", 30)));

    [TestCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void AMatrixHasEveryWeightOfTheLayers()
    {
        CommandLine.Result result = Run("-o", In("out.gguf"), "-c", "16", "--chunks", "3", "-t", "2");
        Assert.AreEqual((0, ""), (result.ExitCode, result.Output), result.Error);
        StringAssert.Contains(result.Error, "7 tensors, 3 chunks");
        ImportanceMatrix matrix = ImportanceMatrix.Load(In("out.gguf"));
        Assert.AreEqual((3, 16, "text.txt"), (matrix.ChunkCount, matrix.ChunkSize, matrix.Datasets.Single()));
        ImportanceEntry q = matrix.Entries["blk.0.attn_q.weight"];
        Assert.AreEqual((s_model.VocabSize, 48f), (q.SumsOfSquares.Length, q.Counts.Single()));
        // A one-hot embedding comes out of RMSNorm as a square of the vocabulary's size: 3 BOS of 48 tokens.
        Assert.AreEqual(3.0 * s_model.VocabSize / (1 + (1e-5 * s_model.VocabSize)), q.SumsOfSquares[ScriptedModel.Bos], 1e-2);

        Assert.AreEqual(0, Run("-o", In("same.gguf"), "-c", "16", "--chunks", "3", "-t", "1", "-b", "5").ExitCode);
        CollectionAssert.AreEqual(File.ReadAllBytes(In("out.gguf")), File.ReadAllBytes(In("same.gguf")));
        Assert.AreEqual(0, Run("-o", In("output.gguf"), "-c", "16", "--process-output").ExitCode);
        Assert.IsTrue(ImportanceMatrix.Load(In("output.gguf")).Entries.ContainsKey("output.weight"));
    }

    [TestMethod]
    public void MatricesAreMerged()
    {
        Assert.AreEqual(0, Run("-o", In("a.gguf"), "-c", "16", "--chunks", "2").ExitCode);
        CommandLine.Result result = CommandLine.Run("imatrix", "--in-file", In("a.gguf"), "--in-file", In("a.gguf"), "-o", In("b.gguf"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        Assert.AreEqual(0, Run("--in-file", In("b.gguf"), "-o", In("b.gguf"), "-c", "16", "--chunks", "2").ExitCode);
        ImportanceMatrix one = ImportanceMatrix.Load(In("a.gguf")), three = ImportanceMatrix.Load(In("b.gguf"));
        Assert.AreEqual(6, three.ChunkCount);
        foreach ((string name, ImportanceEntry entry) in one.Entries) Assert.AreEqual(3 * entry.Counts[0], three.Entries[name].Counts[0], name);
    }

    [TestMethod]
    public void MistakesAreTold()
    {
        File.WriteAllText(In("empty.txt"), "\n");
        CommandLine.AssertUsageError(CommandLine.Run("imatrix", "-m", s_model.File), "no text");
        CommandLine.AssertUsageError(CommandLine.Run("imatrix", "-m", s_model.File, "-f", In("no.txt")), "no.txt: no such file");
        CommandLine.AssertUsageError(CommandLine.Run("imatrix", "-m", s_model.File, "-f", In("empty.txt")), "the text is empty");
        CommandLine.AssertUsageError(CommandLine.Run("imatrix", "-m", In("no.gguf"), "-f", In("text.txt"), "-o", In("x")), "no.gguf: no such file");
        CommandLine.AssertUsageError(Run("-o", In("x")), "62 tokens", "512");
        CommandLine.AssertUsageError(Run("-o", "/no/such/folder/x", "-c", "16"), "cannot write /no/such/folder/x", "no such folder");
        // Before the model is opened, let alone run.
        CommandLine.AssertUsageError(CommandLine.Run("imatrix", "-m", In("no.gguf"), "-f", In("text.txt"), "-o", In(new string('x', 300))), "cannot write", "too long");
        CommandLine.AssertUsageError(Run("-o", In("x"), "-c", "16", "--in-file", s_model.File), "not an importance matrix");
        Assert.HasCount(2, Directory.GetFiles(_folder));
        var other = new ImportanceMatrix();
        other.Set("blk.0.attn_q.weight", [1, 2, 3], [4]);
        other.Save(In("other.gguf"));
        Assert.AreEqual(2, Run("-o", In("x"), "-c", "16", "--in-file", In("other.gguf")).ExitCode);
    }

    private CommandLine.Result Run(params string[] arguments) => CommandLine.Run(["imatrix", "-m", s_model.File, "-f", In("text.txt"), .. arguments]);

    private string In(string name) => Path.Combine(_folder, name);
}
