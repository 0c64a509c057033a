using Edge.Llm.Evaluation;
using Edge.Llm.Sampling;

namespace Edge.Llm.Tests.Evaluation;

/// <summary>Log-probabilities packed to 16 bits.</summary>
[TestClass]
public sealed class PackedRowTests
{
    private const double Rounding = 16.0 / ushort.MaxValue / 2; // half a step of a log-probability

    [TestMethod]
    public void TheDivergenceFromARowIsThatOfTheDistributions()
    {
        var random = new Random(11);
        for (int round = 0; round < 20; round++)
        {
            float[] p = Logits(random, 301), q = [.. p.Select(logit => logit + random.NextSingle())];
            double expected = 0, sumP = p.Sum(x => Math.Exp(x)), sumQ = q.Sum(x => Math.Exp(x));
            for (int i = 0; i < p.Length; i++) expected += Math.Exp(p[i]) / sumP * (p[i] - Math.Log(sumP) - (q[i] - Math.Log(sumQ)));
            (double kl, int likeliest) = PackedRow.Compare(Pack(p), q, LogProbabilities.LogSumExp(q));
            Assert.AreEqual(expected, kl, Rounding);
            Assert.AreEqual(SamplerChain.ArgMax(p), likeliest);
        }
    }

    [TestMethod]
    public void ADistributionHasNoDivergenceFromItself()
    {
        float[] logits = Logits(new Random(3), 4097);
        Assert.AreEqual(0, PackedRow.Compare(Pack(logits), logits, LogProbabilities.LogSumExp(logits)).Kl, Rounding);
    }

    [TestMethod]
    public void EqualLogitsAndFarAwayOnesPack()
    {
        float[] equal = [.. Enumerable.Repeat(-3f, 7)];
        Assert.AreEqual(0, PackedRow.Compare(Pack(equal), equal, LogProbabilities.LogSumExp(equal)).Kl, 1e-6);
        float[] far = [-1e30f, 0, 1, -50];
        (double kl, int likeliest) = PackedRow.Compare(Pack(far), far, LogProbabilities.LogSumExp(far));
        Assert.AreEqual(0, kl, Rounding);
        Assert.AreEqual(2, likeliest);
    }

    [TestMethod]
    public void ARowIsPaddedToAnEvenNumberOfTokens() => Assert.AreEqual((8 + 8, 8 + 8), (PackedRow.Bytes(3), PackedRow.Bytes(4)));

    private static float[] Logits(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => 10 * random.NextSingle())];

    private static byte[] Pack(float[] logits)
    {
        var row = new byte[PackedRow.Bytes(logits.Length)];
        PackedRow.Pack(logits, LogProbabilities.LogSumExp(logits), row);
        Assert.IsTrue(PackedRow.IsValid(row));
        return row;
    }
}
