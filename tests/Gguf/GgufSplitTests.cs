using Edge.Llm.Gguf;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Gguf;

[TestClass]
public sealed class GgufSplitTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-llm-split").FullName;

    [TestCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void AnyPartOpensTheWholeModelFromTheFirst()
    {
        for (int i = 0; i < 3; i++) WritePart(i, 3, promised: 6);
        long bytes = Directory.GetFiles(_folder).Sum(path => new FileInfo(path).Length);
        for (int i = 0; i < 3; i++)
        {
            using GgufFile file = GgufFile.Open(PartPath(i, 3));
            Assert.AreEqual(3, file.PartCount);
            Assert.AreEqual(PartPath(0, 3), file.Path);
            Assert.AreEqual(bytes, file.FileBytes);
            Assert.AreEqual("from part 0", file.Metadata.GetString("general.name"));
            CollectionAssert.AreEqual(
                new[] { "t0.a", "t0.b", "t1.a", "t1.b", "t2.a", "t2.b" }, file.Tensors.Select(tensor => tensor.Name).ToArray());
            foreach (Tensor tensor in file.Tensors)
                CollectionAssert.AreEqual(SampleGguf.Data(tensor), SampleGguf.Stored(tensor));
        }
    }

    [TestMethod]
    public void MissingPartsWrongNumbersAndWrongTotalsAreRefused()
    {
        WritePart(0, 2, promised: 4);
        Refused(PartPath(0, 2), "00002-of-00002.gguf: no such file");
        WritePart(1, 2, promised: 4);
        GgufFile.Open(PartPath(0, 2)).Dispose();

        WritePart(0, 2, promised: 5);
        Refused(PartPath(0, 2), "split.tensors.count", "5 tensors promised, 4 found");

        WritePart(0, 2, promised: 4, number: 1);
        Refused(PartPath(0, 2), "expected a name ending in -00002-of-00002.gguf");
        WritePart(0, 2, promised: 4);
        WritePart(1, 2, promised: 4, number: 0);
        Refused(PartPath(0, 2), "split.no", "expected 1, found 0");
        WritePart(1, 2, promised: 4, number: 2);
        Refused(PartPath(1, 2), "split.no", "expected 0 to 1, found 2");
        WritePart(1, 2, promised: 4, count: 3);
        Refused(PartPath(0, 2), "split.count", "expected 2, found 3");
        WritePart(1, 2, promised: 4, names: 0);
        Refused(PartPath(0, 2), "tensor t0.a appears in another part too");
    }

    [TestMethod]
    public void APartInMemoryIsRefusedAndASplitOfOneIsWhole()
    {
        WritePart(0, 2, promised: 4);
        byte[] bytes = File.ReadAllBytes(PartPath(0, 2));
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => GgufFile.Open(bytes).Dispose()).Message, "split.count");

        WritePart(0, 1, promised: 2);
        using GgufFile whole = GgufFile.Open(PartPath(0, 1));
        Assert.AreEqual(1, whole.PartCount);
    }

    private string PartPath(int i, int count) => GgufSplit.PartPath(Path.Combine(_folder, "model"), i, count);

    private void WritePart(int i, int parts, int promised, int? number = null, int? count = null, int? names = null)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("split.no", (ushort)(number ?? i));
        writer.AddMetadata("split.count", (ushort)(count ?? parts));
        writer.AddMetadata("split.tensors.count", promised);
        writer.AddMetadata("general.name", $"from part {i}");
        writer.AddTensor($"t{names ?? i}.a", GgmlType.F32, 8, 2);
        writer.AddTensor($"t{names ?? i}.b", GgmlType.Q8_0, 32);
        File.WriteAllBytes(PartPath(i, parts), SampleGguf.Bytes(writer));
    }

    private static void Refused(string path, params string[] says)
    {
        EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(() => GgufFile.Open(path).Dispose());
        Assert.AreEqual(ErrorCode.InvalidFile, e.Code);
        foreach (string part in says) StringAssert.Contains(e.Message, part);
    }
}
