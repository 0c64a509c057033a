using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>The quantize command.</summary>
[TestClass]
public sealed class QuantizeTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [TestMethod]
    public void AModelIsQuantizedAndRuns()
    {
        using var model = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0);
        CommandLine.Result result = CommandLine.Run("quantize", model.File, At("out.gguf"), "q4_k_m", "-t", "2", "--allow-requantize");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.StartsWith(result.Output, "Q4_K_M: 20 tensors, ");
        StringAssert.Contains(result.Error, "blk.0.attn_q.weight                  Q8_0 -> Q4_K\n");
        Assert.AreEqual(0, CommandLine.Run("verify", At("out.gguf")).ExitCode);
        byte[] expected = CommandLine.Run("logits", "-m", model.File, "--tokens", "1,2,3", "--out", "-").OutputBytes;
        byte[] found = CommandLine.Run("logits", "-m", At("out.gguf"), "--tokens", "1,2,3", "--out", "-").OutputBytes;
        Assert.IsLessThan(0.2, Peer.RelativeDifference(MemoryMarshal.Cast<byte, float>(found), MemoryMarshal.Cast<byte, float>(expected)));
    }

    [TestMethod]
    public void RowsThatHoldNoWholeBlocksGetAnotherTypeAndItIsTold()
    {
        using var model = new TinyModel(GgmlType.F32, GgmlType.F32);
        CommandLine.Result result = CommandLine.Run("quantize", model.File, At("out.gguf"), "Q8_0");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, "tensors: 72 values a row are no multiple of 32: F16 instead of Q8_0\n");
        StringAssert.Contains(result.Error, "tensors: 172 values a row are no multiple of 32: F16 instead of Q8_0\n");
        Assert.AreEqual(0, CommandLine.Run("logits", "-m", At("out.gguf"), "--tokens", "1,2,3").ExitCode);
    }

    [TestMethod]
    public void ADryRunTellsSizesAndWritesNothing()
    {
        string input = new SampleModel().Write(At("in.gguf"));
        string[] command = ["quantize", input, At("out.gguf"), "Q4_K_M", "--tensor-type", "ffn_(up|gate)=q5_0", "--embedding-type", "q8_0"];
        CommandLine.Result result = CommandLine.Run([.. command, "--dry-run"]);
        Assert.AreEqual((0, ""), (result.ExitCode, result.Error));
        string[] lines = result.Output.TrimEnd().Split('\n');
        string Line(string name) =>
            string.Join(' ', lines.Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.AreEqual("blk.1.ffn_up.weight F32 -> Q5_0 2048 -> 352", Line("blk.1.ffn_up.weight"));
        Assert.AreEqual("token_embd.weight F32 -> Q8_0 2048 -> 544", Line("token_embd.weight"));
        Assert.AreEqual("output_norm.weight F32 -> F32 1024 -> 1024", Line("output_norm.weight"));
        Assert.IsFalse(File.Exists(At("out.gguf")));

        Assert.AreEqual(0, CommandLine.Run(command).ExitCode);
        using GgufFile file = GgufFile.Open(At("out.gguf"));
        Assert.AreEqual(lines.Length - 1, file.Tensors.Count);
        foreach (Tensor tensor in file.Tensors) StringAssert.EndsWith(Line(tensor.Name), string.Create(CultureInfo.InvariantCulture, $" -> {tensor.Bytes}"));
        StringAssert.Contains(lines[^1], string.Create(CultureInfo.InvariantCulture, $" -> {file.Tensors.Sum(tensor => tensor.Bytes)} bytes, "));
    }

    [TestMethod]
    [DataRow("quantize", "IN", "OUT", "F16")]
    [DataRow("merge", "IN", "-o", "OUT")]
    [DataRow("split", "IN", "-o", "OUT", "--max-tensors", "9")]
    public void AFileLongerThanIsAllowedIsNotLeftBehind(params string[] command)
    {
        using var model = new TinyModel(GgmlType.F32, GgmlType.F32);
        string[] arguments = Array.ConvertAll(command, word => word switch { "IN" => model.File, "OUT" => At("out"), _ => word });
        CommandLine.Result result = CommandLine.RunWithFilesUpTo(40, arguments);
        Assert.AreEqual(2, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, $"edge-llm: cannot write {At("out")}");
        Assert.IsEmpty(Directory.GetFiles(Path.GetDirectoryName(At("out"))!, "out*"));
    }

    [TestMethod]
    public void AnImportanceMatrixIsUsed()
    {
        string input = new SampleModel { Rows = 8 }.Write(At("in.gguf"));
        var matrix = new ImportanceMatrix();
        using (GgufFile file = GgufFile.Open(input))
            foreach (Tensor tensor in file.Tensors.Where(tensor => tensor.Name.StartsWith("blk.", StringComparison.Ordinal) && tensor.Ne1 > 1))
                matrix.Set(tensor.Name, [.. Enumerable.Range(0, 256).Select(i => i % 2 == 0 ? 1f : 9f)], [3]);
        matrix.Save(At("m.imatrix"));
        CommandLine.Result result = CommandLine.Run("quantize", input, At("weighted.gguf"), "Q2_K_S", "--imatrix", At("m.imatrix"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, "2 tensors are not in the importance matrix");
        CommandLine.AssertUsageError(CommandLine.Run("quantize", input, At("plain.gguf"), "Q2_K_S"), "Q2_K_S needs an importance matrix");
        Assert.AreEqual(0, CommandLine.Run("quantize", input, At("plain.gguf"), "Q2_K").ExitCode);
        using GgufFile plain = GgufFile.Open(At("plain.gguf")), weighted = GgufFile.Open(At("weighted.gguf"));
        Assert.AreEqual(At("m.imatrix"), weighted.Metadata.GetString("quantize.imatrix.file"));
        Assert.AreNotEqual(GgufVerifier.Check(plain.GetTensor("blk.0.attn_q.weight")).Hash, GgufVerifier.Check(weighted.GetTensor("blk.0.attn_q.weight")).Hash);
    }

    [TestMethod]
    [DataRow("unknown type 'Q9_Z'; there are: F32, F16, BF16, Q4_0,", "IN OUT Q9_Z")]
    [DataRow("unknown tensor type 'q9'; there are: F32, F16,", "IN OUT Q8_0 --output-type q9")]
    [DataRow("unknown tensor type 'iq1_s'", "IN OUT Q8_0 --tensor-type ffn=iq1_s")]
    [DataRow("'ffn': expected REGEX=TYPE", "IN OUT Q8_0 --tensor-type ffn")]
    [DataRow("'(': ", "IN OUT Q8_0 --tensor-type (=q8_0")]
    [DataRow("missing.gguf: no such file", "FOLDER/missing.gguf OUT Q8_0")]
    [DataRow("the output is the input", "IN IN Q8_0 --force")]
    [DataRow("exists already (--force replaces it)", "IN IN Q8_0")]
    [DataRow("cannot write FOLDER: it is a directory", "IN FOLDER Q8_0")]
    [DataRow("no such folder", "IN FOLDER/missing/out.gguf Q8_0")]
    [DataRow("m.imatrix: no such file", "IN OUT Q8_0 --imatrix FOLDER/m.imatrix")]
    [DataRow("not an importance matrix", "IN OUT Q8_0 --imatrix IN")]
    [DataRow("'quantize'", "IN OUT")]
    [DataRow("--threads: expected an integer from 0 to 1024, found '-1'", "IN OUT Q8_0 -t -1")]
    public void WrongCommandLines(string expected, string arguments)
    {
        string input = new SampleModel { Layers = 1 }.Write(At("in.gguf"));
        string Word(string word) => word switch
        {
            "IN" => input,
            "OUT" => At("out.gguf"),
            _ => word.Replace("FOLDER", _folder, StringComparison.Ordinal),
        };
        string[] words = [.. arguments.Split(' ').Select(Word)];
        CommandLine.AssertUsageError(CommandLine.Run(["quantize", .. words]), expected.Replace("FOLDER", _folder, StringComparison.Ordinal));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void WhatIsQuantizedAlreadyIsNotQuantizedAgainUnasked()
    {
        string input = new SampleModel { Layers = 1 }.Write(At("in.gguf"));
        Assert.AreEqual(0, CommandLine.Run("quantize", input, At("8.gguf"), "Q8_0").ExitCode);
        CommandLine.AssertUsageError(CommandLine.Run("quantize", At("8.gguf"), At("4.gguf"), "Q4_0"), "is Q8_0 already", "--allow-requantize");
        Assert.AreEqual(0, CommandLine.Run("quantize", At("8.gguf"), At("4.gguf"), "Q4_0", "--allow-requantize").ExitCode);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AFullDiskIsTold()
    {
        string input = new SampleModel { Rows = 2000 }.Write(At("in.gguf"));
        using var disk = new SmallDisk(1 << 20);
        CommandLine.Result result = CommandLine.Run("quantize", input, Path.Combine(disk.Folder, "out.gguf"), "Q8_0");
        CommandLine.AssertUsageError(result, "cannot write", "bytes needed");
        Assert.IsEmpty(Directory.GetFileSystemEntries(disk.Folder));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    [DataRow("INT")]
    [DataRow("TERM")]
    public void ASignalLeavesNothing(string signal)
    {
        // It tells more than a pipe holds and waits for its reader: it cannot end before the signal has come.
        string input = new SampleModel { Layers = 600 }.Write(At("in.gguf"));
        File.WriteAllText(At("out.gguf"), "old");
        using Process process = CommandLine.Start(["quantize", input, At("out.gguf"), "IQ4_XS", "-t", "1", "--force"]);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string? line;
        do line = process.StandardError.ReadLine();
        while (line is not null && !line.Contains("blk.0.attn_k", StringComparison.Ordinal));
        CommandLine.Signal(process, signal);
        string last = "";
        while ((line = process.StandardError.ReadLine()) is not null)
        {
            last = line;
            Thread.Sleep(1);
        }
        Assert.IsTrue(process.WaitForExit(CommandLine.Patience));
        Assert.AreEqual((130, ""), (process.ExitCode, output.Result), last);
        Assert.AreEqual("old", File.ReadAllText(At("out.gguf")));
        Assert.HasCount(2, Directory.GetFiles(_folder));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void ATerminalSeesABarAndNoLines()
    {
        string input = new SampleModel { Rows = 2000, Layers = 1, Width = 1024, Type = GgmlType.F16 }.Write(At("in.gguf"));
        using var terminal = new PseudoTerminal(_folder, [.. CommandLine.Program(), "quantize", input, At("out.gguf"), "IQ4_XS", "-t", "1"]);
        terminal.WaitFor("written in ");
        Assert.AreEqual(0, terminal.WaitForExit());
        Assert.DoesNotContain("attn_k", terminal.Screen);
    }
}
