using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Perplexity of the same text and file, against llama.cpp.</summary>
[TestClass]
public sealed class PerplexityParityTests
{
    [TestMethod]
    public void OfATrainedModel() => AssertClose(Peer.Stories(), 256, 0.0005);

    [TestMethod]
    [DataRow("F16", 0.0005)]
    [DataRow("Q8_0", 0.001)]
    [DataRow("Q4_K_M", 0.002)]
    public void OfAQuantizedModel(string type, double tolerance) => AssertClose(Peer.Quantize(Peer.MakeModel("llama", "f32"), type), 128, tolerance);

    private static void AssertClose(string path, int chunkSize, double tolerance)
    {
        string text = Path.GetTempFileName();
        byte[] bytes = File.ReadAllBytes(Path.Combine(RepositoryFiles.Root(), "tests", "data", "heldout.txt"))[..20000];
        File.WriteAllBytes(text, bytes); // it does not end with a newline, which would be dropped
        (double expected, double expectedError) = Peer.Perplexity(path, text, chunkSize);
        File.Delete(text);
        using LanguageModel model = LanguageModel.Open(path);
        Tokenizer tokenizer = Tokenizer.FromGguf(model.File.Metadata);
        using var run = new PerplexityRun(model, tokenizer.Vocabulary, TextChunks.Of(bytes, tokenizer, chunkSize), new ContextOptions());
        run.Run(null, CancellationToken.None);
        Console.WriteLine($"{Path.GetFileName(path)}: {run.Result.Perplexity:F4} ± {run.Result.StandardError:F4}, llama.cpp {expected:F4} ± {expectedError:F4}");
        Assert.AreEqual(1, run.Result.Perplexity / expected, tolerance);
        Assert.AreEqual(1, run.Result.StandardError / expectedError, 0.01);
    }
}
