using Edge.Llm.Scheduling;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Drafted tokens change no answer.</summary>
[TestClass]
public sealed class SpeculationTests
{
    private static readonly ContextOptions s_plain = new() { Threads = 1, ContextSize = 256, MaxSequences = 3 };

    private static LanguageModel Open(string name) => LanguageModel.Open(ModelSpecFile.Make(name, withTokens: true));

    private static int[] Tokens(Generation generation) => [.. generation.Select(step => step.Token).Where(token => token >= 0)];

    // Texts that repeat themselves, so that there is something to look up.
    private static int[] Prompt(Random random)
    {
        int[] phrase = [.. Enumerable.Range(0, 12).Select(_ => random.Next(3, 60))];
        return [.. Enumerable.Range(0, 3).SelectMany(_ => phrase), .. phrase[..random.Next(1, 12)]];
    }

    private static GenerateOptions Options(Random random) => new()
    {
        MaxTokens = random.Next(20, 60), IgnoreEos = true,
        Sampling = random.Next(3) switch
        {
            0 => SamplingOptions.Greedy,
            1 => new SamplingOptions { Seed = (ulong)random.Next(), Mirostat = 2, LogitBias = Bias(random) },
            _ => new SamplingOptions { Seed = (ulong)random.Next(), Temperature = 0.5f, RepeatPenalty = 1.1f, LogitBias = Bias(random) },
        },
    };

    // Few tokens are likely, so that guesses come true now and then.
    private static Dictionary<int, float> Bias(Random random) => Enumerable.Range(0, 3).Select(_ => random.Next(3, 60)).Distinct().ToDictionary(id => id, _ => 12f);

    [TestMethod]
    [DataRow("llama", true, false)]
    [DataRow("llama", false, true)]
    [DataRow("qwen3moe", true, true)]
    [DataRow("gemma3", true, false)]
    [DataRow("gemma3", false, true)]
    [DataRow("mamba2", true, false)]
    [DataRow("qwen35", true, true)]
    [DataRow("lfm2", false, true)]
    [DataRow("deepseek2", true, false)]
    public void AnswersAreTheSameWithDrafts(string name, bool lookup, bool hasModel)
    {
        using LanguageModel model = Open(name), draft = Open(name);
        using Context plain = model.CreateContext(s_plain);
        using Context drafting = model.CreateContext(s_plain with { Lookup = lookup, DraftTokens = 5 }, hasModel ? draft : null);
        var random = new Random(name.Length);
        int drafted = 0, accepted = 0, free = drafting.FreeCacheBlocks;
        for (int round = 0; round < (Settings.Full ? 30 : 3); round++)
        {
            (int[] Prompt, GenerateOptions Options)[] requests = [.. Enumerable.Range(0, 3).Select(_ => (Prompt(random), Options(random)))];
            int[][] alone = [.. requests.Select(request => Tokens(plain.Generate(request.Prompt, request.Options)))];
            Generation[] together = [.. requests.Select(request => drafting.Generate(request.Prompt, request.Options))];
            for (int i = 0; i < 3; i++)
            {
                CollectionAssert.AreEqual(alone[i], Tokens(together[i]), $"round {round}, request {i}");
                drafted += together[i].Statistics.DraftedTokens;
                accepted += together[i].Statistics.AcceptedTokens;
            }
            Assert.AreEqual(free, drafting.FreeCacheBlocks, "every block and state is free again");
        }
        Assert.IsGreaterThan(0, drafted);
        Assert.IsGreaterThan(0, accepted);
        if (!hasModel) Assert.IsGreaterThan(accepted, drafted, "some guesses were wrong");
    }

    [TestMethod]
    public void ADraftOfTheModelItselfIsAcceptedWhole()
    {
        using LanguageModel model = Open("llama");
        using Context context = model.CreateContext(s_plain, model);
        var options = new GenerateOptions { MaxTokens = 100, IgnoreEos = true, Sampling = new SamplingOptions { Seed = 3, Temperature = 1 } };
        using Generation generation = context.Generate([3, 4, 5], options);
        Assert.HasCount(100, Tokens(generation));
        GenerationStatistics statistics = generation.Statistics;
        Assert.IsGreaterThan(0, statistics.DraftedTokens);
        Assert.AreEqual(statistics.DraftedTokens, statistics.AcceptedTokens, "the draws of the two are the same");
    }

    [TestMethod]
    public void ACallersSequenceHoldsTheTextWithoutGuesses()
    {
        using LanguageModel model = Open("gemma3");
        using Context context = model.CreateContext(s_plain with { Lookup = true });
        using Sequence sequence = context.NewSequence();
        var random = new Random(5);
        int[] prompt = Prompt(random);
        using Generation generation = context.Generate(prompt, Options(random), sequence);
        var text = new List<int>(prompt);
        foreach (GeneratedToken step in generation)
        {
            if (step.Token >= 0) text.Add(step.Token);
            Assert.IsTrue(text.ToArray().AsSpan().StartsWith(sequence.Tokens) || sequence.Tokens.StartsWith(text.ToArray()));
        }
        Assert.IsTrue(text.ToArray().AsSpan().StartsWith(sequence.Tokens));
    }

    [TestMethod]
    public void ARequestCanRefuseDrafts()
    {
        using LanguageModel model = Open("llama");
        using Context context = model.CreateContext(s_plain with { Lookup = true });
        var random = new Random(7);
        using Generation generation = context.Generate(Prompt(random), Options(random) with { DraftTokens = 0 });
        Tokens(generation);
        Assert.AreEqual(0, generation.Statistics.DraftedTokens);
    }

    [TestMethod]
    public void ADraftModelWithOtherTokensIsRefused()
    {
        using LanguageModel model = Open("llama");
        using var scripted = new ScriptedModel(["word"], 3);
        using LanguageModel other = LanguageModel.Open(scripted.File);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => model.CreateContext(s_plain, other)).Code);
    }

    [TestMethod]
    public void ThePlanCountsTheDraftModel()
    {
        using LanguageModel model = Open("llama");
        MemoryPlan plain = model.Plan(s_plain), both = model.Plan(s_plain, model);
        Assert.AreEqual(2 * plain.KvCache, both.KvCache);
        Assert.AreEqual(2 * plain.Weights, both.Weights);
        Assert.IsGreaterThan(plain.Activations, both.Activations);
    }

    [TestMethod]
    public void ThePlanCountsTheStateBeforeAGuess()
    {
        using LanguageModel model = Open("mamba2"), draft = Open("llama");
        MemoryPlan guessing = model.Plan(s_plain with { Lookup = true }), both = model.Plan(s_plain, draft);
        Assert.IsGreaterThan(model.Plan(s_plain).KvCache, guessing.KvCache);
        Assert.AreEqual(guessing.KvCache + draft.Plan(s_plain).KvCache, both.KvCache);
    }

    [TestMethod]
    public void DraftsThatDoNotPayPause()
    {
        var pace = new DraftPace(8);
        int drafted = 0, passes = 0;
        for (; passes < 2000; passes++)
        {
            int length = pace.Length;
            drafted += length;
            pace.Observe(length, 0, 1 + (0.2 * length));
        }
        Assert.IsLessThan(passes / 10, drafted, "guesses that are all wrong become rare");
        for (int i = 0; i < 4000; i++) pace.Observe(pace.Length, pace.Length, 1 + (0.2 * pace.Length));
        Assert.IsGreaterThan(0, Enumerable.Range(0, 3).Sum(_ =>
        {
            int length = pace.Length;
            pace.Observe(length, length, 1);
            return length;
        }), "guesses that come true are made again");
    }

    [TestMethod]
    [DataRow(0.1, 0.5, 1.39)] // the best length, 2, makes 1.46
    [DataRow(0.3, 0.9, 1.75)] // 5 makes 1.87
    [DataRow(0.05, 0.98, 5.6)] // 8 makes 5.92
    [DataRow(0.6, 0.5, 0.97)] // none pays
    [DataRow(0.2, 0.0, 0.97)]
    public void DraftsAreAsLongAsPays(double cost, double chance, double least)
    {
        var pace = new DraftPace(8);
        var random = new Random(11);
        double tokens = 0, time = 0;
        for (int pass = 0; pass < 3000; pass++)
        {
            int length = pace.Length, accepted = 0;
            while (accepted < length && random.NextDouble() < chance) accepted++;
            double seconds = 1 + (cost * length);
            tokens += accepted + 1;
            time += seconds;
            pace.Observe(length, accepted, random.Next(50) == 0 ? 30 * seconds : seconds * (0.95 + (0.1 * random.NextDouble()))); // now and then it was held up
        }
        Assert.IsGreaterThan(least, tokens / time);
    }

    [TestMethod]
    public void NoDraftIsThoughtFasterThanAPlainPass()
    {
        var times = new DraftTimes(8);
        times.Add(0, 1);
        times.Add(2, 0.8); // the machine had other work during the plain pass
        for (int drafted = 1; drafted <= 8; drafted++) Assert.AreEqual(1, times.OverPlain(drafted), 1e-12, $"{drafted}");
        times.Add(6, 1.3);
        Assert.AreEqual(1.4, times.OverPlain(8), 1e-12);
    }

    [TestMethod]
    public void LookupGoesOnAsTheTextDidBefore()
    {
        var lookup = new PromptLookup();
        var draft = new List<int>();
        lookup.Propose([1, 2, 3, 4, 5, 6, 1, 2, 3], 4, draft);
        CollectionAssert.AreEqual((int[])[4, 5, 6, 1], draft);
        draft.Clear();
        lookup.Propose([1, 2, 3, 4, 5, 6, 1, 2, 3, 7, 7, 7, 7], 4, draft);
        CollectionAssert.AreEqual((int[])[7, 7, 7, 7], draft, "a text that repeats itself goes on so");
        draft.Clear();
        lookup.Propose([1, 2, 3, 4, 5, 6, 1, 2, 3, 7, 7, 7, 7, 9], 4, draft);
        Assert.IsEmpty(draft);
    }
}
