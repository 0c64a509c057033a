using Edge.Llm.Tests.Support;
namespace Edge.Llm.Tests.Sampling;

[TestClass]
public class SamplerChainTests
{
    // No filter at all: what a test switches on is all that acts.
    private static readonly SamplingOptions s_plain = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, Seed = 1 };

    // Probabilities 0.4, 0.3, 0.2, 0.1 by descending rank, at ids 2, 0, 3, 1.
    private static readonly float[] s_logits = [MathF.Log(0.3f), MathF.Log(0.1f), MathF.Log(0.4f), MathF.Log(0.2f)];

    [TestMethod]
    public void DefaultsAreThoseOfLlamaCpp()
    {
        var options = new SamplingOptions();
        Assert.AreEqual((0.8f, 40, 0.95f, 0.05f), (options.Temperature, options.TopK, options.TopP, options.MinP));
        Assert.AreEqual((1f, 64, 0f, 0f), (options.RepeatPenalty, options.RepeatLastN, options.PresencePenalty, options.FrequencyPenalty));
    }

    [TestMethod]
    public void GreedyTakesTheLowestIdAmongEquals()
    {
        Assert.AreEqual(1, new SamplerChain(SamplingOptions.Greedy, 4).Sample([0, 5, 5, -1], [], 0));
        Assert.AreEqual(3, new SamplerChain(SamplingOptions.Greedy with { Temperature = -1 }, 4).Sample([-9, -5, -6, -2], [], 0));
    }

    [TestMethod]
    [DataRow(0, 4)]
    [DataRow(1, 1)]
    [DataRow(3, 3)]
    [DataRow(4, 4)]
    [DataRow(1000, 4)]
    public void TopKKeepsTheLikeliest(int k, int expected) => AssertCandidates(s_plain with { TopK = k }, expected);

    [TestMethod]
    [DataRow(0f, 1)]
    [DataRow(0.39f, 1)]
    [DataRow(0.41f, 2)]
    [DataRow(0.69f, 2)]
    [DataRow(0.71f, 3)]
    [DataRow(0.91f, 4)]
    [DataRow(1f, 4)]
    public void TopPKeepsTheFewestThatReachP(float p, int expected) => AssertCandidates(s_plain with { TopP = p }, expected);

    [TestMethod]
    [DataRow(0f, 4)]
    [DataRow(0.24f, 4)]
    [DataRow(0.26f, 3)]
    [DataRow(0.51f, 2)]
    [DataRow(0.76f, 1)]
    [DataRow(1f, 1)]
    public void MinPKeepsThoseNearTheLikeliest(float p, int expected) => AssertCandidates(s_plain with { MinP = p }, expected);

    [TestMethod]
    public void TopPCountsWithinWhatTopKLeft()
    {
        // Of 0.4 + 0.3 the first is 0.571, enough for 0.5 by itself; of all four it is 0.4.
        AssertCandidates(s_plain with { TopK = 2, TopP = 0.5f }, 1);
        AssertCandidates(s_plain with { TopP = 0.5f }, 2);
    }

    [TestMethod]
    public void TemperatureComesAfterTheFilters()
    {
        // At temperature 100 all four are nearly equal: filters that came after it would keep more.
        AssertCandidates(s_plain with { Temperature = 100, TopP = 0.41f }, 2);
        AssertCandidates(s_plain with { Temperature = 100, MinP = 0.76f }, 1);
    }

    [TestMethod]
    public void PenaltiesFollowTheFormula()
    {
        // 2 / 2 - 2 * 0.25 - 0.125 = 0.375 and -1 * 2 - 1 * 0.25 - 0.125 = -2.375; token 2 is untouched.
        SamplingOptions options = s_plain with { RepeatPenalty = 2, FrequencyPenalty = 0.25f, PresencePenalty = 0.125f };
        AssertSameDistribution([0.375f, -2.375f, 0.5f], [2, -1, 0.5f], options, [0, 1, 0]);
        // Only the last two tokens count.
        AssertSameDistribution([0.625f, -2.375f, 0.5f], [2, -1, 0.5f], options with { RepeatLastN = 2 }, [0, 0, 0, 0, 1, 0]);
        AssertSameDistribution([2, -1, 0.5f], [2, -1, 0.5f], options with { RepeatLastN = 0 }, [0, 1, 0]);
        int[] longHistory = [0, 0, .. Enumerable.Repeat(2, 100)];
        AssertSameDistribution([0.375f, -1, 0.25f - 25.125f], [2, -1, 0.5f], options with { RepeatLastN = -1 }, longHistory);
    }

    [TestMethod]
    public void PenaltiesActOnGreedyToo() =>
        Assert.AreEqual(0, new SamplerChain(SamplingOptions.Greedy with { RepeatPenalty = 2 }, 2).Sample([3, 4], [1], 0));

    [TestMethod]
    public void BiasComesBeforeThePenalties()
    {
        // (-1 + 5) / 2 = 2; the other way round it would be -1 * 2 + 5 = 3.
        SamplingOptions options = s_plain with { RepeatPenalty = 2, LogitBias = new Dictionary<int, float> { [0] = 5 } };
        AssertSameDistribution([2, 0], [-1, 0], options, [0]);
    }

    [TestMethod]
    public void ABannedTokenIsNeverDrawn()
    {
        SamplingOptions options = s_plain with { LogitBias = new Dictionary<int, float> { [1] = float.NegativeInfinity } };
        var chain = new SamplerChain(options, 3);
        for (int position = 0; position < 1000; position++) Assert.AreNotEqual(1, chain.Sample([0, 9, 0], [1], position));
        var all = new SamplerChain(options, 2);
        Assert.AreEqual(0, all.Sample([0, 9], [], 0));
        var none = new SamplerChain(options with { LogitBias = new Dictionary<int, float> { [0] = float.NegativeInfinity } }, 1);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => none.Sample([1], [], 0)).Code);
    }

    [TestMethod]
    [DataRow(1f)]
    [DataRow(0.5f)]
    [DataRow(2f)]
    public void DrawsFollowTheDistribution(float temperature)
    {
        const int Draws = 50_000;
        var chain = new SamplerChain(s_plain with { Temperature = temperature }, s_logits.Length);
        int[] counts = new int[s_logits.Length];
        for (int position = 0; position < Draws; position++) counts[chain.Sample(s_logits, [], position)]++;
        double[] weights = [.. s_logits.Select(logit => Math.Exp(logit / temperature))];
        double chiSquare = 0;
        for (int id = 0; id < counts.Length; id++)
        {
            double expected = Draws * weights[id] / weights.Sum();
            chiSquare += (counts[id] - expected) * (counts[id] - expected) / expected;
        }
        // 3 degrees of freedom: 99.99 % stay under 21.1.
        Assert.IsTrue(chiSquare < 21.1, $"chi-square {chiSquare}");
    }

    [TestMethod]
    public void DrawsFromAWholeLargeVocabularyReachItsTail()
    {
        const int Size = 3_000, Draws = 3_000;
        var chain = new SamplerChain(s_plain, Size);
        float[] logits = new float[Size];
        int[] tokens = [.. Enumerable.Range(0, Draws).Select(position => chain.Sample(logits, [], position))];
        // Equal logits: the mean id is uniform's within 5 standard deviations.
        Assert.AreEqual((Size - 1) / 2.0, tokens.Average(), 5 * Size / Math.Sqrt(12.0 * Draws));
        Assert.IsTrue(tokens.Max() > Size - 20 && tokens.Min() < 20);
    }

    [TestMethod]
    public void TheSameSeedDrawsTheSameAndPositionsAreIndependentOfOrder()
    {
        float[] logits = [.. Enumerable.Range(0, 100).Select(id => MathF.Sin(id))];
        var forward = new SamplerChain(new SamplingOptions { Seed = 42 }, logits.Length);
        var backward = new SamplerChain(new SamplingOptions { Seed = 42 }, logits.Length);
        var other = new SamplerChain(new SamplingOptions { Seed = 43 }, logits.Length);
        var choice = new SamplerChain(new SamplingOptions { Seed = 42 }, logits.Length, choice: 1);
        int[] expected = [.. Enumerable.Range(0, 50).Select(position => forward.Sample(logits, [], position))];
        int[] reversed = [.. Enumerable.Range(0, 50).Reverse().Select(position => backward.Sample(logits, [], position))];
        CollectionAssert.AreEqual(expected, reversed.Reverse().ToArray());
        CollectionAssert.AreNotEqual(expected, Enumerable.Range(0, 50).Select(position => other.Sample(logits, [], position)).ToArray());
        CollectionAssert.AreNotEqual(expected, Enumerable.Range(0, 50).Select(position => choice.Sample(logits, [], position)).ToArray());
    }

    [TestMethod]
    public void WithoutASeedChainsDiffer() =>
        Assert.AreNotEqual(new SamplerChain(new SamplingOptions(), 2).Seed, new SamplerChain(new SamplingOptions(), 2).Seed);

    [TestMethod]
    [DataRow(float.NaN)]
    [DataRow(float.PositiveInfinity)]
    [DataRow(float.NegativeInfinity)]
    public void NonFiniteLogitsAreAnError(float bad)
    {
        for (int size = 1; size <= 9; size++)
        {
            float[] logits = new float[size];
            logits[size - 1] = bad;
            var chain = new SamplerChain(SamplingOptions.Greedy, size);
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => chain.Sample(logits, [], 0));
            Assert.AreEqual(ErrorCode.NonFinite, error.Code);
            StringAssert.Contains(error.Message, $"token {size - 1} ");
        }
    }

    [TestMethod]
    public void ExtremeLogitsAndPenaltiesStayDefined()
    {
        SamplingOptions options = s_plain with
        {
            RepeatPenalty = 1e-30f, FrequencyPenalty = -1e38f,
            LogitBias = new Dictionary<int, float> { [0] = float.MaxValue, [2] = float.NegativeInfinity },
        };
        Assert.AreEqual(0, new SamplerChain(options, 3).Sample([float.MaxValue, float.MinValue, 0], [0, 2, 2], 0));
    }

    [TestMethod]
    public void OptionsOutOfRangeAreRejected()
    {
        SamplingOptions[] wrong =
        [
            s_plain with { TopP = 1.5f }, s_plain with { TopP = float.NaN }, s_plain with { MinP = -0.1f }, s_plain with { Temperature = float.NaN },
            s_plain with { RepeatPenalty = 0 }, s_plain with { RepeatLastN = -2 }, s_plain with { PresencePenalty = float.NaN },
            s_plain with { FrequencyPenalty = float.PositiveInfinity }, s_plain with { LogitBias = new Dictionary<int, float> { [0] = float.NaN } },
            s_plain with { LogitBias = new Dictionary<int, float> { [4] = 1 } }, s_plain with { LogitBias = new Dictionary<int, float> { [-1] = 1 } },
        ];
        foreach (SamplingOptions options in wrong)
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => new SamplerChain(options, 4)).Code);
    }

    [TestMethod]
    public void NothingIsAllocatedAToken()
    {
        float[] logits = [.. Enumerable.Range(0, 10_000).Select(id => MathF.Sin(id))];
        var chain = new SamplerChain(new SamplingOptions { RepeatPenalty = 1.1f, Seed = 3 }, logits.Length);
        int[] history = [1, 2, 3];
        chain.Sample(logits, history, 0);
        Allocations.ComeToNothing(() => Allocations.Of(() =>
        {
            for (int position = 1; position < 10; position++) chain.Sample(logits, history, position);
        }));
    }

    private static void AssertCandidates(SamplingOptions options, int expected)
    {
        int[] byRank = [2, 0, 3, 1];
        var chain = new SamplerChain(options, s_logits.Length);
        for (int position = 0; position < 200; position++)
        {
            int token = chain.Sample(s_logits, [], position);
            Assert.AreEqual(expected, chain.CandidateCount);
            Assert.IsTrue(Array.IndexOf(byRank, token) < expected);
        }
    }

    // The same draws as plain sampling of the adjusted logits.
    private static void AssertSameDistribution(float[] adjusted, float[] logits, SamplingOptions options, int[] history)
    {
        var expected = new SamplerChain(s_plain, logits.Length);
        var actual = new SamplerChain(options, logits.Length);
        for (int position = 0; position < 500; position++)
            Assert.AreEqual(expected.Sample(adjusted, [], position), actual.Sample(logits, history, position));
    }
}
