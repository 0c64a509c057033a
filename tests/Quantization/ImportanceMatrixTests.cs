using System.Text;

namespace Edge.Llm.Tests.Quantization;

/// <summary>Importance matrices: both file formats, and what is wrong with a file.</summary>
[TestClass]
public sealed class ImportanceMatrixTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void WhatIsSavedIsLoaded()
    {
        var matrix = new ImportanceMatrix { Datasets = ["a.txt", "b.txt"], ChunkCount = 7, ChunkSize = 512 };
        matrix.Set("blk.0.ffn_up_exps.weight", [1, 2, 3, 4, 5, 6], [2, 0, 4]);
        matrix.Set("blk.0.attn_q.weight", [8, 16, 24], [8]);
        string path = Path.Combine(_folder, "matrix.gguf");
        matrix.Save(path);
        Assert.HasCount(1, Directory.GetFiles(_folder));

        ImportanceMatrix loaded = ImportanceMatrix.Load(path);
        CollectionAssert.AreEqual((string[])["a.txt", "b.txt"], loaded.Datasets.ToArray());
        Assert.AreEqual((7, 512), (loaded.ChunkCount, loaded.ChunkSize));
        CollectionAssert.AreEqual((string[])["blk.0.attn_q.weight", "blk.0.ffn_up_exps.weight"], loaded.Entries.Keys.ToArray());
        CollectionAssert.AreEqual((float[])[1, 2, 3], loaded.ColumnWeights("blk.0.attn_q.weight", 3, 1));
        CollectionAssert.AreEqual((float[])[0.5f, 1, 1, 1, 1.25f, 1.5f], loaded.ColumnWeights("blk.0.ffn_up_exps.weight", 2, 3));
        Assert.IsNull(loaded.ColumnWeights("output.weight", 3, 1));
        AssertInvalid("expected 4 columns", () => loaded.ColumnWeights("blk.0.attn_q.weight", 4, 1));

        using GgufFile file = GgufFile.Open(path);
        Assert.AreEqual("imatrix", file.Metadata.GetString("general.type"));
        Tensor sums = file.GetTensor("blk.0.ffn_up_exps.weight.in_sum2"), counts = file.GetTensor("blk.0.ffn_up_exps.weight.counts");
        Assert.AreEqual((2L, 3L, 1L, 3L), (sums.Ne0, sums.Ne1, counts.Ne0, counts.Ne1));
    }

    [TestMethod]
    public void TheOldFormatIsRead()
    {
        byte[] file = Legacy(("a.weight", 4, [4, 8, 12, 16]), ("b.weight", 0, [3]));
        ImportanceMatrix matrix = ImportanceMatrix.Load(Write([.. file, .. Int(9), .. Int(5), .. "text!"u8]));
        CollectionAssert.AreEqual((float[])[1, 2, 3, 4], matrix.ColumnWeights("a.weight", 2, 2));
        CollectionAssert.AreEqual((float[])[3], matrix.ColumnWeights("b.weight", 1, 1));
        Assert.AreEqual((9, "text!"), (matrix.ChunkCount, matrix.Datasets.Single()));
        matrix = ImportanceMatrix.Load(Write(file)); // without the end that came later
        Assert.AreEqual((0, 0), (matrix.ChunkCount, matrix.Datasets.Count));
    }

    [TestMethod]
    public void FilesThatAreNoImportanceMatrices()
    {
        byte[] good = Legacy(("a.weight", 4, [4, 8, 12, 16]));
        AssertInvalid("no such file", () => ImportanceMatrix.Load(Path.Combine(_folder, "missing")));
        AssertInvalid("not an importance matrix", () => ImportanceMatrix.Load(Write("This is a text, and no matrix of any kind."u8)));
        AssertInvalid("not an importance matrix", () => ImportanceMatrix.Load(Write(Int(0))));
        AssertInvalid("appears twice", () => ImportanceMatrix.Load(Write(Legacy(("a", 1, [1]), ("a", 1, [1])))));
        AssertInvalid("a.weight: value 1 of the sums is NaN", () => ImportanceMatrix.Load(Write(Legacy(("a.weight", 1, [1, float.NaN])))));
        AssertInvalid("value 0 of the sums is -1", () => ImportanceMatrix.Load(Write(Legacy(("a.weight", 1, [-1])))));
        for (int length = 0; length < good.Length; length++)
            AssertInvalid("", () => ImportanceMatrix.Load(Write(good.AsSpan(0, length))));

        var writer = new GgufWriter();
        writer.AddTensor("a.weight.in_sum2", GgmlType.F32, 2);
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) => output.Write(new byte[tensor.Bytes]));
        AssertInvalid("missing tensor a.weight.counts", () => ImportanceMatrix.Load(Write(stream.ToArray())));
    }

    [TestMethod]
    public void WrongEntriesAreRefused()
    {
        var matrix = new ImportanceMatrix();
        foreach ((float[] sums, float[] counts) in ((float[], float[])[])[([], []), ([1, 2, 3], [1, 1]), ([1], [-1]), ([float.PositiveInfinity], [1])])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => matrix.Set("a", sums, counts)).Code);
    }

    [TestMethod]
    public void AFileThatCannotBeWrittenLeavesNothing()
    {
        var matrix = new ImportanceMatrix();
        matrix.Set("a", [1], [1]);
        AssertInvalid("directory", () => matrix.Save(_folder));
        AssertInvalid("no such folder", () => matrix.Save(Path.Combine(_folder, "missing", "x")));
        Assert.IsEmpty(Directory.GetFileSystemEntries(_folder));
    }

    private static byte[] Int(int value) => BitConverter.GetBytes(value);

    private static byte[] Legacy(params (string Name, int Calls, float[] Values)[] entries)
    {
        var bytes = new List<byte>(Int(entries.Length));
        foreach ((string name, int calls, float[] values) in entries)
        {
            bytes.AddRange([.. Int(name.Length), .. Encoding.UTF8.GetBytes(name), .. Int(calls), .. Int(values.Length)]);
            foreach (float value in values) bytes.AddRange(BitConverter.GetBytes(value));
        }
        return [.. bytes];
    }

    private string Write(ReadOnlySpan<byte> bytes)
    {
        string path = Path.Combine(_folder, "file");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static void AssertInvalid(string text, Action action)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        StringAssert.Contains(error.Message, text);
    }
}
