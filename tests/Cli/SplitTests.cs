using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>edge-llm split and merge.</summary>
[TestClass]
public sealed class SplitTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void MergeUndoesSplit()
    {
        string model = Model();
        CommandLine.Result split = CommandLine.Run("split", model, "--max-tensors", "8");
        Assert.AreEqual(0, split.ExitCode, split.Error);
        Assert.HasCount(3, split.Output.TrimEnd('\n').Split('\n'));
        StringAssert.StartsWith(split.Output, In("model-00001-of-00003.gguf: 8 tensors, "));
        Assert.HasCount(4, Directory.GetFiles(_folder));

        string[] logits = ["logits", "--tokens", "1,2,3", "-m"];
        Assert.AreEqual(CommandLine.Run([.. logits, model]).Output, CommandLine.Run([.. logits, In("model-00002-of-00003.gguf")]).Output);
        CommandLine.Result merge = CommandLine.Run("merge", In("model-00003-of-00003.gguf"), "-o", In("merged.gguf"));
        Assert.AreEqual((0, ""), (merge.ExitCode, merge.Output), merge.Error);
        using GgufFile expected = GgufFile.Open(model), merged = GgufFile.Open(In("merged.gguf"));
        CollectionAssert.AreEqual(expected.Metadata.Select(pair => $"{pair.Key}={pair.Value}").ToArray(), merged.Metadata.Select(pair => $"{pair.Key}={pair.Value}").ToArray());
        CollectionAssert.AreEqual(expected.Tensors.Select(tensor => tensor with { Data = 0 }).ToArray(), merged.Tensors.Select(tensor => tensor with { Data = 0 }).ToArray());
        CollectionAssert.AreEqual(GgufVerifier.Check(expected).Select(check => check.Hash).ToArray(), GgufVerifier.Check(merged).Select(check => check.Hash).ToArray());
    }

    [TestMethod]
    public void PartsGetTheNamesAskedFor()
    {
        string model = Model();
        CommandLine.Result dry = CommandLine.Run("split", model, "--max-size", "1M", "-o", In("x"), "--dry-run");
        Assert.AreEqual((0, $"{In("x-00001-of-00001.gguf")}: 20 tensors, "), (dry.ExitCode, dry.Output[..dry.Output.IndexOf("tensors, ", StringComparison.Ordinal)] + "tensors, "), dry.Error);
        Assert.AreEqual(dry.Output, CommandLine.Run("split", model, "--max-size", "5000000000", "-o", In("x"), "--dry-run").Output);
        Assert.HasCount(1, Directory.GetFiles(_folder));
        Assert.AreEqual(0, CommandLine.Run("split", model, "--max-tensors", "10", "-o", In("x")).ExitCode);
        Assert.AreEqual(0, CommandLine.Run("split", In("x-00002-of-00002.gguf"), "--split-max-size", "200000").ExitCode);
        Assert.IsNotEmpty(Directory.GetFiles(_folder, "x-00001-of-*.gguf").Where(path => !path.Contains("-of-00002", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void MistakesAreTold()
    {
        string model = Model();
        CommandLine.AssertUsageError(CommandLine.Run("split", model), "--max-size", "--max-tensors");
        foreach (string size in (string[])["0", "x", "2T", "-1", "G", "", "9999999999G", "99999999999999999999"])
            CommandLine.AssertUsageError(CommandLine.Run("split", model, $"--max-size={size}"), "--max-size");
        CommandLine.AssertUsageError(CommandLine.Run("split", model, "--max-tensors", "0"), "--max-tensors: expected");
        CommandLine.AssertUsageError(CommandLine.Run("split", In("no.gguf"), "--max-tensors", "1"), "no.gguf: no such file");
        CommandLine.AssertUsageError(CommandLine.Run("split", model, "--max-tensors", "9", "-o", "/no/such/folder/x"), "cannot write", "no such folder");
        CommandLine.AssertUsageError(CommandLine.Run("merge", model), "-o FILE");
        CommandLine.AssertUsageError(CommandLine.Run("merge", model, "-o", _folder), "directory");
        Assert.AreEqual(0, CommandLine.Run("split", model, "--max-tensors", "10").ExitCode);
        foreach (string part in (string[])["model-00001-of-00002.gguf", "model-00002-of-00002.gguf"])
            CommandLine.AssertUsageError(CommandLine.Run("merge", In("model-00001-of-00002.gguf"), "-o", In(part)), part, "the output is the input");
        File.Delete(In("model-00002-of-00002.gguf"));
        CommandLine.AssertUsageError(CommandLine.Run("merge", In("model-00001-of-00002.gguf"), "-o", In("merged.gguf")), "model-00002-of-00002.gguf: no such file");
        Assert.HasCount(2, Directory.GetFiles(_folder));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AFullDiskIsAnError()
    {
        CommandLine.Result result = CommandLine.Run("merge", Model(), "-o", "/dev/full");
        CommandLine.AssertUsageError(result, "cannot write /dev/full", "No space left");
        string model = In("model.gguf");
        using var disk = new SmallDisk((int)new FileInfo(model).Length / 2);
        string prefix = Path.Combine(disk.Folder, "x");
        result = CommandLine.Run("split", model, "--max-tensors", "5", "-o", prefix);
        CommandLine.AssertUsageError(result, $"cannot write {prefix}-0000"); // no part is told of either
        Assert.IsEmpty(Directory.GetFileSystemEntries(disk.Folder));
    }

    private string Model()
    {
        using var model = new TinyModel(GgmlType.F32, GgmlType.F32);
        File.Copy(model.File, In("model.gguf"));
        return In("model.gguf");
    }

    private string In(string name) => Path.Combine(_folder, name);
}
