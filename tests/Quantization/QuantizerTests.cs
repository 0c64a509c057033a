using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Quantization;

/// <summary>Whole files: what is written, what is refused, and that nothing is left behind.</summary>
[TestClass]
public sealed class QuantizerTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    private string Sample(SampleModel? model = null, Action<GgufWriter>? keys = null) => (model ?? new SampleModel()).Write(At("in.gguf"), keys);

    private static FileType Type(string name) => FileType.TryParse(name, out FileType? type) ? type : throw new ArgumentException(name, nameof(name));

    private string Quantize(string input, string type, QuantizeOptions? options = null, string output = "out.gguf",
        Action<QuantizeProgress>? progress = null, CancellationToken cancellation = default)
    {
        using GgufFile file = GgufFile.Open(input);
        Quantizer.Run(QuantizePlan.Make(file, Type(type), options ?? new()), At(output), progress, cancellation);
        return At(output);
    }

    [TestMethod]
    public void EveryFileTypeIsWrittenAsPlanned()
    {
        string input = Sample(new SampleModel { Layers = 2, Rows = 70, Experts = 3, HeadsKv = 1 });
        using GgufFile original = GgufFile.Open(input);
        foreach (FileType type in FileType.All)
        {
            if (type.Name == "Q2_K_S") continue;
            using GgufFile result = GgufFile.Open(Quantize(input, type.Name, new() { Overwrite = true }));
            QuantizePlan plan = QuantizePlan.Make(original, type, new());
            CollectionAssert.AreEqual(plan.Tensors.Select(tensor => (tensor.Source.Name, tensor.Type, tensor.Bytes)).ToArray(),
                result.Tensors.Select(tensor => (tensor.Name, tensor.Type, tensor.Bytes)).ToArray());
            foreach (Tensor tensor in result.Tensors)
            {
                float[] x = Floats(original.GetTensor(tensor.Name)), y = Floats(tensor);
                double error = Math.Sqrt(x.Zip(y, (a, b) => Math.Pow((double)a - b, 2)).Average());
                Assert.IsLessThan(tensor.Type == original.GetTensor(tensor.Name).Type ? 1e-12 : 0.08, error, $"{type.Name} {tensor}"); // of -0.5..0.5
            }
        }
        Assert.HasCount(2, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void TheNumberOfThreadsChangesNothing()
    {
        string input = Sample(new SampleModel { Rows = 300, Layers = 1, Type = GgmlType.F16 });
        byte[] one = File.ReadAllBytes(Quantize(input, "Q4_K_M", new() { Threads = 1 }));
        foreach (int threads in (int[])[2, 3, 8])
            CollectionAssert.AreEqual(one, File.ReadAllBytes(Quantize(input, "Q4_K_M", new() { Threads = threads, Overwrite = true })));
    }

    [TestMethod]
    public void MetadataAreKeptAndCompleted()
    {
        string input = Sample(keys: writer =>
        {
            writer.AddMetadata("general.name", "sample");
            writer.AddMetadata("general.file_type", 1u);
            writer.AddMetadata("tokenizer.ggml.tokens", ["a", "b"]);
            writer.AddMetadata("quantize.imatrix.file", "old");
        });
        using GgufFile original = GgufFile.Open(input);
        var matrix = new ImportanceMatrix { Datasets = ["text.txt"], ChunkCount = 5 };
        foreach (Tensor tensor in original.Tensors) matrix.Set(tensor.Name, [.. Enumerable.Repeat(1f, (int)tensor.Ne0)], [2]);
        using (GgufFile plain = GgufFile.Open(Quantize(input, "Q5_K_M")))
        {
            Assert.AreEqual((17u, 2u), (plain.Metadata.GetUInt32("general.file_type"), plain.Metadata.GetUInt32("general.quantization_version")));
            Assert.AreEqual(("sample", "old"), (plain.Metadata.GetString("general.name"), plain.Metadata.GetString("quantize.imatrix.file")));
            CollectionAssert.AreEqual((string[])["a", "b"], plain.Metadata.GetArray("tokenizer.ggml.tokens").GetStrings());
            Assert.AreEqual(original.Metadata.Count + 1, plain.Metadata.Count);
        }
        var options = new QuantizeOptions { Importance = matrix, ImportancePath = "dir/my.imatrix", Overwrite = true };
        using (GgufFile weighted = GgufFile.Open(Quantize(input, "Q2_K_S", options)))
        {
            GgufMetadata m = weighted.Metadata;
            Assert.AreEqual(("dir/my.imatrix", "text.txt"), (m.GetString("quantize.imatrix.file"), m.GetString("quantize.imatrix.dataset")));
            Assert.AreEqual((original.Tensors.Count, 5), (m.GetInt32("quantize.imatrix.entries_count"), m.GetInt32("quantize.imatrix.chunks_count")));
        }
        using GgufFile copy = GgufFile.Open(Quantize(input, "COPY", new() { Overwrite = true }));
        Assert.AreEqual(1u, copy.Metadata.GetUInt32("general.file_type"));
    }

    [TestMethod]
    public void ASplitModelBecomesOneFileOrStaysSplit()
    {
        string whole = Sample(new SampleModel { Layers = 3 });
        Split(whole, "split");
        string part = At("split-00002-of-00003.gguf"), one = Quantize(part, "Q8_0", output: "one.gguf");
        CollectionAssert.AreEqual(File.ReadAllBytes(Quantize(whole, "Q8_0")), File.ReadAllBytes(one));

        Quantize(part, "Q8_0", new() { KeepSplit = true }, "kept.gguf");
        using GgufFile kept = GgufFile.Open(At("kept-00001-of-00003.gguf")), expected = GgufFile.Open(one);
        Assert.AreEqual(3, kept.PartCount);
        Assert.AreEqual(7u, kept.Metadata.GetUInt32("general.file_type"));
        foreach (Tensor tensor in expected.Tensors) CollectionAssert.AreEqual(Bytes(tensor), Bytes(kept.GetTensor(tensor.Name)));
        Assert.IsFalse(File.Exists(At("kept.gguf")));
        AssertError(ErrorCode.InvalidArgument, "kept-00001-of-00003.gguf exists already", () => Quantize(part, "Q8_0", new() { KeepSplit = true }, "kept.gguf"));
    }

    [TestMethod]
    [DataRow(GgmlType.F32)]
    [DataRow(GgmlType.F16)]
    public void ValuesThatAreNotFiniteAreRefused(GgmlType type)
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity])
        {
            int count = 0;
            string input = Sample(new SampleModel
            {
                Rows = 5, Tied = true, Layers = 1, Type = type,
                Value = (name, random) => name == "blk.0.attn_q.weight" && count++ == 2 * 256 + 3 ? bad : random.NextSingle(),
            });
            foreach (string target in (string[])["Q4_K_M", "Q8_0", "BF16", "IQ4_NL"])
                AssertError(ErrorCode.InvalidFile, "blk.0.attn_q.weight: row 2, column 3 is not a finite number", () => Quantize(input, target));
            if (type == GgmlType.F16) AssertError(ErrorCode.InvalidFile, "blk.0.attn_q.weight", () => Quantize(input, "F16"));
            Quantize(input, "COPY", new() { Overwrite = true });
            File.Delete(At("out.gguf"));
        }
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void ValuesThatAreTooLargeAreRefusedWhereTheyDoNotFit()
    {
        string input = Sample(new SampleModel { Value = (_, random) => 1e6f * random.NextSingle() });
        foreach (string type in (string[])["F16", "Q4_0", "Q6_K"])
            AssertError(ErrorCode.InvalidFile, "expected a magnitude of at most 65504", () => Quantize(input, type));
        using GgufFile result = GgufFile.Open(Quantize(input, "BF16")), original = GgufFile.Open(input);
        float[] x = Floats(original.GetTensor("output.weight")), y = Floats(result.GetTensor("output.weight"));
        for (int i = 0; i < x.Length; i++) Assert.AreEqual(x[i], y[i], x[i] / 256);
    }

    [TestMethod]
    public void DamagedScalesAreRefused()
    {
        string input = Quantize(Sample(), "Q4_0", output: "q4.gguf");
        byte[] bytes = File.ReadAllBytes(input);
        BitConverter.TryWriteBytes(bytes.AsSpan(Offset(input, "blk.0.ffn_up.weight")), (ushort)0x7c00); // a scale of infinity
        File.WriteAllBytes(input, bytes);
        AssertError(ErrorCode.InvalidFile, "blk.0.ffn_up.weight", () => Quantize(input, "Q8_0", new() { AllowRequantize = true }));
    }

    [TestMethod]
    public void WhatMayNotBeIsRefused()
    {
        string input = Sample(new SampleModel { Layers = 1 });
        AssertError(ErrorCode.InvalidArgument, "the output is the input", () => Quantize(input, "Q8_0", new() { Overwrite = true }, "in.gguf"));
        AssertError(ErrorCode.InvalidArgument, "needs an importance matrix", () => Quantize(input, "Q2_K_S"));
        var other = new ImportanceMatrix();
        other.Set("blk.7.attn_q.weight", [1], [1]);
        AssertError(ErrorCode.InvalidFile, "has none of the tensors", () => Quantize(input, "Q4_K_M", new() { Importance = other, ImportancePath = "x" }));
        other.Set("blk.0.attn_q.weight", new float[255], [1]);
        AssertError(ErrorCode.InvalidFile, "blk.0.attn_q.weight: expected 256 columns",
            () => Quantize(input, "Q4_K_M", new() { Importance = other, ImportancePath = "x" }));
        Quantize(input, "Q8_0");
        AssertError(ErrorCode.InvalidArgument, "exists already", () => Quantize(input, "Q8_0"));
        AssertError(ErrorCode.InvalidArgument, "is Q8_0 already", () => Quantize(At("out.gguf"), "Q4_K_M", output: "new.gguf"));
        AssertError(ErrorCode.InvalidFile, "no such folder", () => Quantize(input, "Q8_0", output: "missing/out.gguf"));
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(At("link.gguf"), input);
            AssertError(ErrorCode.InvalidArgument, "the output is the input", () => Quantize(input, "Q8_0", new() { Overwrite = true }, "link.gguf"));
            AssertError(ErrorCode.InvalidArgument, "the output is the input",
                () => Quantize(At("link.gguf"), "Q8_0", new() { Overwrite = true }, "in.gguf"));
            File.Delete(At("link.gguf"));
            Directory.CreateSymbolicLink(At("folder"), _folder);
            AssertError(ErrorCode.InvalidArgument, "the output is the input",
                () => Quantize(input, "Q8_0", new() { Overwrite = true }, "folder/in.gguf"));
            Directory.Delete(At("folder"));
        }
        foreach (string rule in (string[])["ffn", "=q8_0", "(=q8_0", "ffn=q9", "ffn=Q8_K"])
            AssertError(ErrorCode.InvalidArgument, "", () => TensorTypeRule.Parse(rule));
        AssertError(ErrorCode.InvalidArgument, "other groups are not supported", () => TensorTypeRule.Parse("(?<=ffn)_up=q8_0"));
        CollectionAssert.AreEquivalent((string[])[At("in.gguf"), At("out.gguf")], Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void CancellingLeavesNothing()
    {
        string input = Sample(new SampleModel { Layers = 3 });
        using var source = new CancellationTokenSource();
        AssertError(ErrorCode.Cancelled, "", () => Quantize(input, "Q4_K_M", progress: at =>
        {
            if (at.Number == 7) source.Cancel();
        }, cancellation: source.Token));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void ProgressCountsEveryByteAndTensor()
    {
        string input = Sample();
        var starts = new List<string>();
        QuantizeProgress last = default;
        Quantize(input, "Q4_K_M", progress: at =>
        {
            if (at.Starts) starts.Add(at.Tensor.Source.Name);
            Assert.IsGreaterThanOrEqualTo(last.BytesDone, at.BytesDone);
            last = at;
        });
        using GgufFile file = GgufFile.Open(input);
        CollectionAssert.AreEqual(file.Tensors.Select(tensor => tensor.Name).ToArray(), starts);
        Assert.AreEqual((file.Tensors.Sum(tensor => tensor.Bytes), last.BytesTotal), (last.BytesTotal, last.BytesDone));
    }

    [TestMethod]
    public void ExpertsHaveTheirOwnWeights()
    {
        string input = Sample(new SampleModel { Layers = 1, Experts = 2, Rows = 40 });
        using GgufFile original = GgufFile.Open(input);
        float[] Columns(int start) => [.. Enumerable.Range(0, 256).Select(i => (i + start) % 2 == 0 ? 1f : 0.001f)];
        var matrix = new ImportanceMatrix();
        matrix.Set("blk.0.ffn_up_exps.weight", [.. Columns(0), .. Columns(1).Select(v => v * 8)], [1, 8]);
        using GgufFile result = GgufFile.Open(Quantize(input, "Q2_K", new() { Importance = matrix }));
        float[] x = Floats(original.GetTensor("blk.0.ffn_up_exps.weight")), y = Floats(result.GetTensor("blk.0.ffn_up_exps.weight"));
        double Error(int expert, int parity) =>
            Enumerable.Range(0, x.Length / 2).Where(i => i % 2 == parity).Select(i => i + expert * x.Length / 2).Sum(i => Math.Pow((double)x[i] - y[i], 2));
        Assert.IsLessThan(0.7, Error(0, 0) / Error(0, 1));
        Assert.IsLessThan(0.7, Error(1, 1) / Error(1, 0));
    }

    private static int Offset(string path, string tensor)
    {
        using GgufFile file = GgufFile.Open(path);
        return File.ReadAllBytes(path).AsSpan().IndexOf(Bytes(file.GetTensor(tensor)));
    }

    // The same tensors in three files.
    private void Split(string path, string prefix)
    {
        using GgufFile file = GgufFile.Open(path);
        for (int i = 0; i < 3; i++)
        {
            var writer = new GgufWriter();
            if (i == 0)
                foreach ((string key, GgufValue value) in file.Metadata) writer.AddMetadata(key, value);
            writer.AddMetadata("split.no", (ushort)i);
            writer.AddMetadata("split.count", (ushort)3);
            writer.AddMetadata("split.tensors.count", file.Tensors.Count);
            int each = file.Tensors.Count / 3, first = i * each, end = i == 2 ? file.Tensors.Count : first + each;
            for (int t = first; t < end; t++) writer.AddTensor(file.Tensors[t], file.Tensors[t].Type);
            using FileStream stream = File.Create(At($"{prefix}-0000{i + 1}-of-00003.gguf"));
            writer.WriteTo(stream, (tensor, output) => output.Write(Bytes(file.GetTensor(tensor.Name))));
        }
    }

    private static unsafe byte[] Bytes(Tensor tensor) => new ReadOnlySpan<byte>(tensor.Pointer, (int)tensor.Bytes).ToArray();

    private static float[] Floats(Tensor tensor) => SampleModel.Floats(tensor);

    private static void AssertError(ErrorCode code, string text, Action action)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(action);
        StringAssert.Contains(error.Message, text);
        Assert.AreEqual(code, error.Code);
    }
}
