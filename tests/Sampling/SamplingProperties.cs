using Edge.Llm.Sampling;
using FsCheck;
using FsCheck.Fluent;

namespace Edge.Llm.Tests.Sampling;

[TestClass]
public class SamplingProperties
{
    [TestMethod]
    public void TheTokenIsAmongTheCandidatesAndTheFiltersOnlyNarrow() => Prop.ForAll(
        ArbMap.Default.ArbFor<NonEmptyArray<NormalFloat>>(), ArbMap.Default.ArbFor<int>(), ArbMap.Default.ArbFor<uint>(), (values, k, mix) =>
        {
            float[] logits = [.. values.Get.Select(value => (float)Math.Clamp(value.Get, -1e30, 1e30))];
            var options = new SamplingOptions { TopK = k, TopP = mix % 101 / 100f, MinP = mix / 101 % 101 / 100f, Seed = mix };
            var all = new SamplerChain(options with { TopP = 1, MinP = 0 }, logits.Length);
            var chain = new SamplerChain(options, logits.Length);
            all.Sample(logits, [], 0);
            int token = chain.Sample(logits, [], 0);
            Assert.IsTrue(chain.CandidateCount >= 1 && chain.CandidateCount <= all.CandidateCount);
            Assert.AreEqual(k <= 0 ? logits.Length : Math.Min(k, logits.Length), all.CandidateCount);
            Assert.IsTrue(Enumerable.Range(0, chain.CandidateCount).Any(rank => chain.Candidate(rank) == token));
            Assert.AreEqual(SamplerChain.ArgMax(logits), chain.Candidate(0));
        }).QuickCheckThrowOnFailure();

    [TestMethod]
    public void OneCandidateIsGreedy() => Prop.ForAll(ArbMap.Default.ArbFor<NonEmptyArray<short>>(), ArbMap.Default.ArbFor<uint>(), (values, seed) =>
        {
            float[] logits = [.. values.Get.Select(value => value / 16f)];
            int greedy = new SamplerChain(SamplingOptions.Greedy, logits.Length).Sample(logits, [], 0);
            Assert.AreEqual(greedy, new SamplerChain(new SamplingOptions { TopK = 1, Seed = seed }, logits.Length).Sample(logits, [], 0));
            Assert.AreEqual(greedy, new SamplerChain(new SamplingOptions { TopP = 0, Seed = seed }, logits.Length).Sample(logits, [], 0));
        }).QuickCheckThrowOnFailure();

    [TestMethod]
    public void LogProbabilitiesSumToOne()
    {
        float[] logits = [.. Enumerable.Range(0, 500).Select(id => 5 * MathF.Sin(id) + 100)];
        TokenLogProbability[] top = LogProbabilities.Top(logits, logits.Length);
        Assert.AreEqual(1, top.Sum(entry => Math.Exp(entry.LogProbability)), 1e-5);
        for (int rank = 1; rank < top.Length; rank++) Assert.IsTrue(top[rank - 1].LogProbability >= top[rank].LogProbability);
        Assert.AreEqual(SamplerChain.ArgMax(logits), top[0].Token);
    }
}
