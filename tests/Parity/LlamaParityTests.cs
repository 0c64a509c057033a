using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Forward passes of architecture llama against llama.cpp.</summary>
[TestClass]
public sealed class LlamaParityTests
{
    private static readonly int[] s_tokens = [1, .. Enumerable.Range(0, 299).Select(i => 3 + (i * 7919 % 290))];

    [TestMethod]
    [DataRow("llama")]
    [DataRow("llama3")]
    [DataRow("llama-linear")]
    [DataRow("llama-yarn")]
    public void LogitsOfF32Weights(string architecture) => AssertClose(Peer.MakeModel(architecture, "f32"), s_tokens, 1e-4);

    [TestMethod]
    public void LogitsOfATrainedModel() => AssertClose(Peer.Stories(), [1, 403, 407, 261, 378, 30, 29, 268, 15, 511], 1e-4);

    [TestMethod]
    [DataRow(KvType.F16, "f16", 1e-3)]
    [DataRow(KvType.Q8_0, "q8_0", 0.02)]
    public void LogitsWithASmallerCache(KvType type, string name, double tolerance)
    {
        string path = Peer.MakeModel("llama", "f32");
        float[] expected = Peer.Logits(path, s_tokens, name);
        using LanguageModel model = LanguageModel.Open(path);
        using Context context = model.CreateContext(new ContextOptions { TypeK = type, TypeV = type, LogitsRows = 512 });
        AssertClose(context.AllLogits(s_tokens, 512), expected, tolerance);
    }

    /// <summary>A coarse cache moves the predictions of a trained and of a made-up model about as much as the peer's.</summary>
    [TestMethod]
    [DataRow(KvType.BF16)]
    [DataRow(KvType.Q8_0)]
    [DataRow(KvType.Q5_1)]
    [DataRow(KvType.Q5_0)]
    [DataRow(KvType.Q4_1)]
    [DataRow(KvType.Q4_0)]
    [DataRow(KvType.IQ4_NL)]
    public void ACoarseCacheMovesPredictionsAsThePeersDoes(KvType type)
    {
        foreach (string path in (string[])[ShippedModel.Path("edge-llm-small.gguf"), Peer.MakeModel("llama", "f32")])
        {
            using LanguageModel model = LanguageModel.Open(path);
            using Context exact = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = 512, ContextSize = 512 });
            using Context context = model.CreateContext(new ContextOptions { TypeK = type, TypeV = type, LogitsRows = 512, ContextSize = 512 });
            float[] expected = exact.AllLogits(s_tokens, 512), found = context.AllLogits(s_tokens, 512), peer = Peer.Logits(path, s_tokens, type.ToString().ToLowerInvariant());
            double own = Divergence(expected, found, model.VocabSize), theirs = Divergence(expected, peer, model.VocabSize);
            Console.WriteLine($"{Path.GetFileName(path)}: mean divergence {own:E2}, the peer's {theirs:E2}");
            Assert.IsLessThanOrEqualTo(2 * theirs, own);
        }
    }

    // The mean Kullback-Leibler divergence of the predictions.
    private static double Divergence(float[] expected, float[] found, int vocabSize)
    {
        double sum = 0;
        for (int at = 0; at < expected.Length; at += vocabSize)
        {
            double[] p = LogProbabilities(expected.AsSpan(at, vocabSize)), q = LogProbabilities(found.AsSpan(at, vocabSize));
            sum += p.Zip(q).Sum(pair => Math.Exp(pair.First) * (pair.First - pair.Second));
        }
        return sum / (expected.Length / vocabSize);
    }

    private static double[] LogProbabilities(ReadOnlySpan<float> logits)
    {
        double[] values = Array.ConvertAll(logits.ToArray(), logit => (double)logit);
        double max = values.Max(), sum = Math.Log(values.Sum(value => Math.Exp(value - max)));
        return Array.ConvertAll(values, value => value - max - sum);
    }

    [TestMethod]
    [DataRow("Once upon a time")]
    [DataRow("Lily and Tom")]
    [DataRow("The dog")]
    [DataRow("One day, a little girl named Anna")]
    [DataRow("")]
    public void GreedyText(string prompt)
    {
        (int[] promptTokens, int[] expected) = Peer.Generate(Peer.Stories(), prompt, 200);
        using LanguageModel model = LanguageModel.Open(Peer.Stories());
        using Context context = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32 });
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, promptTokens);
        var found = new List<int>();
        while (found.Count < 200)
        {
            ReadOnlySpan<float> logits = context.Forward(batch)[0];
            int best = 0;
            for (int i = 1; i < logits.Length; i++)
                if (logits[i] > logits[best]) best = i;
            found.Add(best);
            batch.Clear();
            batch.Add(sequence, best, true);
        }
        CollectionAssert.AreEqual(expected, found);
    }

    private static void AssertClose(string path, int[] tokens, double tolerance)
    {
        float[] expected = Peer.Logits(path, tokens);
        using LanguageModel model = LanguageModel.Open(path);
        using Context context = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = 512 });
        AssertClose(context.AllLogits(tokens, 512), expected, tolerance);
    }

    private static void AssertClose(float[] found, float[] expected, double tolerance)
    {
        Assert.AreEqual(expected.Length, found.Length);
        double difference = Peer.RelativeDifference(found, expected);
        Console.WriteLine($"relative difference {difference:E2}");
        Assert.IsLessThanOrEqualTo(tolerance, difference);
    }
}
