using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Models that llama.cpp quantized: our logits over 64 positions against its own. Both round activations in their own way, so
/// they agree closely, not bit for bit.</summary>
[TestClass]
public sealed class QuantizedParityTests
{
    private const int Positions = 64;

    /// <summary>Bounds on the difference over all logits (for BF16 too llama.cpp rounds activations, to eight bits); llama.cpp's own CPU variants are up to 0.014 apart on such models.</summary>
    private const double QuantizedTolerance = 0.02, FloatTolerance = 1e-3;

    [TestMethod]
    [TestCategory("Isa")]
    [DataRow("F16")]
    [DataRow("BF16")]
    [DataRow("Q4_0")]
    [DataRow("Q4_1")]
    [DataRow("Q5_0")]
    [DataRow("Q5_1")]
    [DataRow("Q8_0")]
    [DataRow("Q2_K")]
    [DataRow("Q3_K")]
    [DataRow("Q4_K")]
    [DataRow("Q5_K")]
    [DataRow("Q6_K")]
    [DataRow("Q3_K_M")]
    [DataRow("Q4_K_M")]
    [DataRow("Q5_K_M")]
    public void LogitsAreCloseToLlamaCpp(string type) => AssertClose(type, Peer.Quantize(Peer.MakeModel("llama", "f32"), type));

    [TestMethod]
    [TestCategory("Isa")]
    [DataRow(GgmlType.IQ1_S)]
    [DataRow(GgmlType.IQ1_M)]
    [DataRow(GgmlType.IQ2_XXS)]
    [DataRow(GgmlType.IQ2_XS)]
    [DataRow(GgmlType.IQ2_S)]
    [DataRow(GgmlType.IQ3_XXS)]
    [DataRow(GgmlType.IQ3_S)]
    [DataRow(GgmlType.IQ4_NL)]
    [DataRow(GgmlType.IQ4_XS)]
    [DataRow(GgmlType.TQ1_0)]
    [DataRow(GgmlType.TQ2_0)]
    [DataRow(GgmlType.MXFP4)]
    [DataRow(GgmlType.NVFP4)]
    [DataRow(GgmlType.Q1_0)]
    [DataRow(GgmlType.Q2_0)]
    public void LogitsOfOtherTypesAreCloseToLlamaCpp(GgmlType type)
    {
        string path = Peer.Quantize(Peer.MakeModel("llama", "f32"), type);
        using (GgufFile file = GgufFile.Open(path)) Assert.IsTrue(file.Tensors.All(tensor => tensor.Type == (tensor.Ne1 > 1 ? type : GgmlType.F32)));
        AssertClose(type.ToString(), path);
    }

    private static void AssertClose(string type, string path)
    {
        int[] tokens = [1, .. Enumerable.Range(1, Positions - 1).Select(i => 3 + (i * 7919 % 290))];
        float[] expected = Peer.Logits(path, tokens);
        using LanguageModel model = LanguageModel.Open(path);
        using Context context = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = Positions });
        float[] found = context.AllLogits(tokens, Positions);

        double difference = Peer.RelativeDifference(found, expected);
        int agreeing = Enumerable.Range(0, Positions).Count(row => ArgMax(found, row, model.VocabSize) == ArgMax(expected, row, model.VocabSize));
        Console.WriteLine($"{type}: relative difference {difference:F5}, same argmax at {agreeing} of {Positions}");
        Assert.IsLessThan(type is "F16" ? FloatTolerance : QuantizedTolerance, difference);
        Assert.IsGreaterThanOrEqualTo(Positions * 9 / 10, agreeing);
    }

    private static int ArgMax(float[] logits, int row, int width)
    {
        ReadOnlySpan<float> values = logits.AsSpan(row * width, width);
        int best = 0;
        for (int i = 1; i < width; i++)
            if (values[i] > values[best]) best = i;
        return best;
    }
}
