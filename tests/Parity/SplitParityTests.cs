using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>llama.cpp reads the parts that we write.</summary>
[TestClass]
public sealed class SplitParityTests
{
    [TestMethod]
    public void LogitsOfPartsAreThoseOfTheFile()
    {
        string model = Peer.MakeModel("llama", "f16"), folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            using GgufFile file = GgufFile.Open(model);
            var splitter = new GgufSplitter(file);
            splitter.Plan(maxBytes: 1_000_000, maxTensors: 10);
            string prefix = Path.Combine(folder, "model");
            for (int i = 0; i < splitter.Parts.Count; i++)
            {
                using FileStream stream = File.Create(GgufSplitter.PartPath(prefix, i, splitter.Parts.Count));
                splitter.WritePart(i, stream);
            }
            Assert.IsGreaterThan(2, splitter.Parts.Count);
            CollectionAssert.AreEqual(Peer.Logits(model, [1, 5, 9]), Peer.Logits(GgufSplitter.PartPath(prefix, 0, splitter.Parts.Count), [1, 5, 9]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
