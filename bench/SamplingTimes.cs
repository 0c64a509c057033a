using System.Globalization;

namespace Edge.Llm.Bench;

/// <summary>What choosing a token costs at a vocabulary of 150,000, one thread.</summary>
internal static class SamplingTimes
{
    private const int Vocabulary = 150_000, Rows = 8, Rounds = 200;

    public static int Run()
    {
        var everything = new SamplingOptions
        {
            Seed = 1, DrySequenceBreakers = [], TopNSigma = 3, TypicalP = 0.95f, XtcProbability = 0.5f, DynamicTemperatureRange = 0.3f, RepeatPenalty = 1.1f, PresencePenalty = 0.1f,
            FrequencyPenalty = 0.1f, DryMultiplier = 0.8f, LogitBias = new Dictionary<int, float> { [7] = 1 },
        };
        (string, SamplingOptions)[] sets =
        [
            ("greedy", SamplingOptions.Greedy), ("default", new SamplingOptions { Seed = 1 }),
            ("penalties over all", new SamplingOptions { Seed = 1, RepeatPenalty = 1.1f, FrequencyPenalty = 0.1f, RepeatLastN = -1 }),
            ("dry over all", new SamplingOptions { Seed = 1, DryMultiplier = 0.8f, DrySequenceBreakers = [] }),
            ("everything", everything), ("no filter", new SamplingOptions { Seed = 1, TopK = 0, TopP = 1, MinP = 0 }),
            ("no top-k", new SamplingOptions { Seed = 1, TopK = 0 }), ("typical", new SamplingOptions { Seed = 1, TopK = 0, TopP = 1, MinP = 0, TypicalP = 0.9f }),
            ("mirostat 2", new SamplingOptions { Seed = 1, Mirostat = 2 }),
        ];
        var random = new Random(1);
        float[][] rows = [.. Enumerable.Range(0, Rows).Select(_ => Enumerable.Range(0, Vocabulary).Select(_ => Normal(random) * 3).ToArray())];
        int[] history = [.. Enumerable.Range(0, 2_000).Select(_ => random.Next(Vocabulary))];
        Console.WriteLine("options, us a token: p50 | p99");
        foreach ((string name, SamplingOptions options) in sets)
        {
            var chain = new SamplerChain(options, Vocabulary);
            int position = 0;
            void Sample() => chain.Sample(rows[position % Rows], history, position++);
            for (int i = 0; i < 20; i++) Sample();
            double[] times = [.. Enumerable.Range(0, Rounds).Select(_ => ThreadClock.Measure(Sample).All).Order()];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-20} {times[Rounds / 2],8:F0} {times[Rounds * 99 / 100],8:F0}"));
        }
        return 0;
    }

    private static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
