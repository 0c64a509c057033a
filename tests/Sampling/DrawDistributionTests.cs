using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Sampling;

/// <summary>Draws follow the probabilities that the reference leaves (chi-square).</summary>
[TestClass]
public sealed class DrawDistributionTests
{
    private const int Vocabulary = 60, FewestExpected = 5;

    private static readonly SamplingOptions s_off = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, Seed = 11, DrySequenceBreakers = [] };

    private static IEnumerable<object[]> Options =>
    [
        ["the defaults", new SamplingOptions { Seed = 12 }],
        ["nothing left out", s_off],
        ["a low temperature", s_off with { Temperature = 0.4f }],
        ["a high temperature", s_off with { Temperature = 1.8f, TopK = 30 }],
        ["typical", s_off with { TypicalP = 0.8f }],
        ["dynamic temperature", s_off with { Temperature = 1, DynamicTemperatureRange = 0.6f, MinP = 0.02f }],
        ["penalties", s_off with { RepeatPenalty = 1.4f, FrequencyPenalty = 0.3f, PresencePenalty = 0.2f, TopP = 0.9f }],
        ["dry", s_off with { DryMultiplier = 0.5f, DryAllowedLength = 1, TopNSigma = 2 }],
        ["a bias", s_off with { LogitBias = new Dictionary<int, float> { [3] = 4, [5] = -3 } }],
    ];

    [TestMethod]
    [DynamicData(nameof(Options))]
    public void DrawsFollowTheReference(string name, SamplingOptions options)
    {
        int draws = Settings.Full ? 100_000 : 10_000;
        var random = new Random(name.Length);
        float[] logits = [.. Enumerable.Range(0, Vocabulary).Select(_ => (random.NextSingle() * 8) - 4)];
        int[] history = [.. Enumerable.Range(0, 40).Select(_ => random.Next(6))];
        (int Token, double Probability)[] expected = new ReferenceSampler(options).Apply(logits, history, 0);
        var chain = new SamplerChain(options, Vocabulary);
        var counts = new Dictionary<int, int>();
        for (int position = 0; position < draws; position++)
        {
            int token = chain.Sample(logits, history, position);
            counts[token] = counts.GetValueOrDefault(token) + 1;
        }
        CollectionAssert.IsSubsetOf(counts.Keys, expected.Select(item => item.Token).ToArray());

        // Tokens that are expected seldom count as one.
        var groups = expected.GroupBy(item => item.Probability * draws >= FewestExpected ? item.Token : -1)
            .Select(group => (Expected: group.Sum(item => item.Probability) * draws, Found: group.Sum(item => counts.GetValueOrDefault(item.Token)))).ToArray();
        double chiSquare = groups.Sum(group => (group.Found - group.Expected) * (group.Found - group.Expected) / group.Expected);
        Console.WriteLine($"{name}: chi-square {chiSquare:F1} of {groups.Length} groups, at most {Quantile(groups.Length - 1):F1}");
        Assert.IsLessThan(Quantile(groups.Length - 1), chiSquare);
    }

    // Below which 99.99 % stay (Wilson and Hilferty's approximation).
    private static double Quantile(int freedom)
    {
        double spread = 2.0 / (9 * freedom);
        return freedom * Math.Pow(1 - spread + (3.719 * Math.Sqrt(spread)), 3);
    }
}
