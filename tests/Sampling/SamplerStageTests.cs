using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Sampling;

/// <summary>The stages of the sampler beside a reference in double precision.</summary>
[TestClass]
public sealed class SamplerStageTests
{
    private const int Vocabulary = 60;

    private static readonly SamplingOptions s_off = new()
    {
        Temperature = 1, TopK = 0, TopP = 1, MinP = 0, Seed = 7, DrySequenceBreakers = [], RepeatLastN = 16,
    };

    private static IEnumerable<object[]> Stages =>
    [
        ["top-n-sigma", s_off with { TopNSigma = 1.1f }],
        ["typical", s_off with { TypicalP = 0.6f }],
        ["top-k, top-p", s_off with { TopK = 20, TopP = 0.7f }],
        ["min-p", s_off with { MinP = 0.13f }],
        ["xtc", s_off with { XtcProbability = 0.5f, XtcThreshold = 0.08f }],
        ["temperature", s_off with { Temperature = 0.6f }],
        ["dynamic temperature", s_off with { TopK = 30, Temperature = 0.9f, DynamicTemperatureRange = 0.5f, DynamicTemperatureExponent = 1.3f }],
        ["penalties", s_off with { RepeatPenalty = 1.3f, PresencePenalty = 0.3f, FrequencyPenalty = 0.2f }],
        ["dry", s_off with { DryMultiplier = 0.8f }],
        ["dry of the last ones", s_off with { DryMultiplier = 1.5f, DryBase = 1.2f, DryAllowedLength = 1, DryPenaltyLastN = 20 }],
    ];

    [TestMethod]
    [DynamicData(nameof(Stages))]
    public void OneStage(string name, SamplingOptions options) => Compare(name, new Random(1), () => options, Settings.Full ? 5_000 : 200);

    [TestMethod]
    public void AllStagesInRandomOrders()
    {
        var random = new Random(2);
        float Sometimes(float off, float from, float to) => random.Next(2) == 0 ? off : from + ((to - from) * random.NextSingle());
        Compare("all", random, () =>
        {
            SamplerKind[] order = [.. s_off.Samplers];
            if (random.Next(2) == 0) random.Shuffle(order);
            return s_off with
            {
                Samplers = order[..random.Next(1, order.Length + 1)], TopK = random.Next(2) * random.Next(1, 50), TopP = Sometimes(1, 0.3f, 1), MinP = Sometimes(0, 0, 0.2f),
                TypicalP = Sometimes(1, 0.3f, 1), TopNSigma = Sometimes(-1, 0.5f, 2), XtcProbability = Sometimes(0, 0, 1), XtcThreshold = 0.05f,
                Temperature = Sometimes(1, 0.3f, 2), DynamicTemperatureRange = Sometimes(0, 0, 0.5f), RepeatPenalty = Sometimes(1, 0.8f, 1.5f),
                PresencePenalty = Sometimes(0, -1, 1), DryMultiplier = Sometimes(0, 0, 1), LogitBias = new Dictionary<int, float> { [random.Next(Vocabulary)] = 2 },
            };
        }, Settings.Full ? 50_000 : 2_000);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    public void MirostatFollowsItsFormulas(int version)
    {
        var random = new Random(version);
        SamplingOptions options = s_off with { Mirostat = version, MirostatTau = 2.5f, MirostatEta = 0.2f, Temperature = 0.9f };
        var chain = new SamplerChain(options, Vocabulary);
        var reference = new ReferenceSampler(options);
        int compared = 0, rounds = Settings.Full ? 5_000 : 500;
        for (int position = 0; position < rounds; position++)
        {
            float[] logits = Logits(random);
            (int Token, double Probability)[] expected = reference.Apply(logits, [], position);
            int token = chain.Sample(logits, [], position);
            if (reference.Margin < 1e-4) // one candidate more or less, and other states from here on
            {
                (chain, reference) = (new SamplerChain(options, Vocabulary), new ReferenceSampler(options));
                continue;
            }
            CollectionAssert.AreEqual(Array.ConvertAll(expected, item => item.Token), Left(chain), $"position {position}");
            reference.Accept(expected, token);
            compared++;
        }
        Assert.IsGreaterThan(rounds / 2, compared);
    }

    [TestMethod]
    public void MirostatRollsBack()
    {
        var random = new Random(4);
        var chain = new SamplerChain(s_off with { Mirostat = 2, MirostatTau = 2 }, Vocabulary);
        float[][] logits = [.. Enumerable.Range(0, 12).Select(_ => Logits(random))];
        int[] first = [.. logits.Select((row, position) => chain.Sample(row, [], position))];
        chain.Rollback(5);
        CollectionAssert.AreEqual(first[7..], Enumerable.Range(7, 5).Select(position => chain.Sample(logits[position], [], position)).ToArray());
    }

    [TestMethod]
    public void BreakersEndRepetitions()
    {
        using var model = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "x");
        using LanguageModel opened = LanguageModel.Open(model.File);
        Tokenizer tokenizer = opened.Tokenizer;
        int[] history = tokenizer.Encode("one two three : one two", addSpecial: false);
        int next = history[tokenizer.Encode("one two", addSpecial: false).Length]; // what once stood behind the text's end
        float[] logits = new float[tokenizer.Vocabulary.Count];
        Assert.IsLessThan(0f, Penalized(["*"]), "nothing breaks the repetition");
        Assert.AreEqual(0f, Penalized(["two"]), "it begins behind the last token");

        float Penalized(string[] breakers)
        {
            SamplingOptions options = s_off with { DryMultiplier = 1, DryAllowedLength = 1, DrySequenceBreakers = breakers };
            var stage = new Edge.Llm.Sampling.Dry(options, Edge.Llm.Sampling.DryBreakers.Of(tokenizer, breakers), logits.Length);
            var candidates = new Edge.Llm.Sampling.Candidates(logits.Length);
            candidates.Reset(logits);
            stage.Apply(candidates, new Edge.Llm.Sampling.SamplingStep(history, 0, 0, 0));
            return candidates.Logits[next];
        }
    }

    [TestMethod]
    public void DryWithBreakersNeedsTheTextsOfTokens() => Assert.AreEqual(
        ErrorCode.InvalidArgument,
        Assert.ThrowsExactly<EdgeLlmException>(() => new SamplerChain(s_off with { DryMultiplier = 1, DrySequenceBreakers = [":"] }, 5)).Code);

    private static void Compare(string name, Random random, Func<SamplingOptions> options, int rounds)
    {
        int compared = 0;
        for (int round = 0; round < rounds; round++)
        {
            SamplingOptions chosen = options();
            float[] logits = Logits(random);
            int[] history = [.. Enumerable.Range(0, random.Next(40)).Select(_ => random.Next(5))];
            var reference = new ReferenceSampler(chosen);
            (int Token, double Probability)[] expected = reference.Apply(logits, history, round);
            var chain = new SamplerChain(chosen, Vocabulary);
            int token = chain.Sample(logits, history, round);
            if (reference.Margin < 1e-5) continue; // single precision may decide otherwise
            compared++;
            CollectionAssert.AreEqual(Array.ConvertAll(expected, item => item.Token), Left(chain), $"{name}, round {round}: {chosen}");
            CollectionAssert.Contains(Array.ConvertAll(expected, item => item.Token), token);
            AssertProbabilities(chain.Explain(logits, token, 10), logits, expected, token);
        }
        Assert.IsGreaterThan(rounds / 2, compared, name);
    }

    private static void AssertProbabilities(ChoiceProbabilities found, float[] logits, (int Token, double Probability)[] left, int token)
    {
        const double Tolerance = 2e-4;
        double logSum = Math.Log(logits.Sum(logit => Math.Exp(logit)));
        int[] byModel = [.. Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).ThenBy(id => id).Take(10)];
        Assert.AreEqual(logits[token] - logSum, found.Model, Tolerance);
        Assert.AreEqual(Math.Log(left.Single(item => item.Token == token).Probability), found.Sampled, Tolerance);
        CollectionAssert.AreEqual(byModel, found.TopOfModel.Select(item => item.Token).ToArray());
        foreach (TokenLogProbability item in found.TopOfModel) Assert.AreEqual(logits[item.Token] - logSum, item.LogProbability, Tolerance);
        Assert.HasCount(Math.Min(10, left.Length), found.TopOfSampled);
        for (int rank = 0; rank < found.TopOfSampled.Count; rank++)
        {
            Assert.AreEqual(left[rank].Token, found.TopOfSampled[rank].Token);
            Assert.AreEqual(Math.Log(left[rank].Probability), found.TopOfSampled[rank].LogProbability, Tolerance);
        }
    }

    private static int[] Left(SamplerChain chain) => [.. Enumerable.Range(0, chain.CandidateCount).Select(chain.Candidate)];

    private static float[] Logits(Random random) => [.. Enumerable.Range(0, Vocabulary).Select(_ => (random.NextSingle() * 8) - 4)];
}
