using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Gguf;

/// <summary>Parts and their whole.</summary>
[TestClass]
public sealed class GgufSplitterTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-llm-splitter").FullName;

    [TestCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DataRow(32u, 3u)]
    [DataRow(64u, 3u)]
    [DataRow(32u, 2u)]
    public void MergedPartsAreTheFile(uint alignment, uint version)
    {
        byte[] bytes = SampleGguf.Bytes(alignment, version);
        foreach (int tensors in (int[])[1, 2, 3, 4])
        {
            using GgufFile whole = GgufFile.Open(bytes);
            using GgufFile parts = Split(whole, long.MaxValue, tensors);
            Assert.AreEqual((5 + tensors - 1) / tensors, parts.PartCount);
            Assert.AreEqual((alignment, version), (parts.Alignment, parts.Version));
            CollectionAssert.AreEqual(bytes, Merge(parts));
        }
    }

    [TestMethod]
    public void PartsStayBelowTheirSize()
    {
        using GgufFile whole = GgufFile.Open(SampleGguf.Bytes());
        foreach (long size in (long[])[1, 200, 500, 1000, 1500, 2000, 4000])
        {
            using GgufFile parts = Split(whole, size, int.MaxValue);
            for (int i = 0; i < parts.PartCount; i++)
            {
                string path = GgufSplitter.PartPath(Path.Combine(_folder, "model"), i, parts.PartCount);
                int tensors = BitConverter.ToInt32(File.ReadAllBytes(path), 8); // the header's count
                Assert.IsTrue(new FileInfo(path).Length <= size || tensors == 1, $"{path}: {new FileInfo(path).Length} bytes, {tensors} tensors");
            }
            CollectionAssert.AreEqual(SampleGguf.Bytes(), Merge(parts));
        }
    }

    [TestMethod]
    public void PartsCanBeSplitAgain()
    {
        using GgufFile whole = GgufFile.Open(SampleGguf.Bytes());
        using GgufFile parts = Split(whole, long.MaxValue, 2);
        using GgufFile again = Split(parts, long.MaxValue, 1, "again");
        Assert.AreEqual(5, again.PartCount);
        CollectionAssert.AreEqual(SampleGguf.Bytes(), Merge(again));
    }

    [TestMethod]
    public void AFileWithoutTensorsIsOnePart()
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", "llama");
        using GgufFile whole = GgufFile.Open(SampleGguf.Bytes(writer));
        using GgufFile parts = Split(whole, 1, 1);
        Assert.AreEqual((1, 0), (parts.PartCount, parts.Tensors.Count));
        CollectionAssert.AreEqual(SampleGguf.Bytes(writer), Merge(parts));
    }

    [TestMethod]
    public void CopyingCanBeCancelledAndTellsHowFarItIs()
    {
        using GgufFile whole = GgufFile.Open(SampleGguf.Bytes());
        using var source = new CancellationTokenSource();
        long copied = 0;
        var splitter = new GgufSplitter(whole, bytes => copied += bytes, source.Token);
        splitter.WriteMerged(Stream.Null);
        Assert.AreEqual(whole.Tensors.Sum(tensor => tensor.Bytes), copied);
        source.Cancel();
        Assert.AreEqual(ErrorCode.Cancelled, Assert.ThrowsExactly<EdgeLlmException>(() => splitter.WriteMerged(Stream.Null)).Code);
    }

    private GgufFile Split(GgufFile file, long maxBytes, int maxTensors, string name = "model")
    {
        var splitter = new GgufSplitter(file);
        splitter.Plan(maxBytes, maxTensors);
        string prefix = Path.Combine(_folder, name);
        for (int i = 0; i < splitter.Parts.Count; i++)
        {
            using FileStream stream = File.Create(GgufSplitter.PartPath(prefix, i, splitter.Parts.Count));
            splitter.WritePart(i, stream);
        }
        return GgufFile.Open(GgufSplitter.PartPath(prefix, 0, splitter.Parts.Count));
    }

    private static byte[] Merge(GgufFile parts)
    {
        using var stream = new MemoryStream();
        new GgufSplitter(parts).WriteMerged(stream);
        return stream.ToArray();
    }
}
