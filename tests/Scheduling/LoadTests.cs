using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Many requests of all kinds in one context, whose cache is too small for them: each gets what it gets alone.</summary>
[TestClass]
public sealed class LoadTests
{
    private const int ContextSize = 192;

    private static readonly Grammar[] s_grammars =
    [
        Grammar.Regex("[a-f]{3,20}(;[a-f]{3,20})*"),
        Grammar.JsonSchema("""{"type":"object","properties":{"name":{"type":"string","maxLength":12},"ok":{"type":"boolean"}},"required":["name","ok"]}""",
            new JsonGrammarOptions { WhiteSpace = false }),
    ];

    internal sealed record Work(int[] Prompt, GenerateOptions Options, int CancelAfter);

    // A few beginnings that many share, and phrases that repeat.
    internal static Work Make(Random random, int vocabulary)
    {
        var beginning = new Random(random.Next(3));
        int[] shared = [.. Enumerable.Range(0, random.Next(2) * 70).Select(_ => beginning.Next(4, vocabulary))];
        int[] phrase = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(4, vocabulary))];
        int[] prompt = [.. shared, .. Enumerable.Range(0, random.Next(1, 5)).SelectMany(_ => phrase)];
        bool hasGrammar = random.Next(3) == 0;
        int length = random.Next(1, 50);
        var sampling = new SamplingOptions
        {
            Seed = (ulong)random.Next(), Temperature = random.Next(3) * 0.6f, RepeatPenalty = 1 + (0.1f * random.Next(2)), TopK = random.Next(2) * 40,
            Mirostat = random.Next(5) == 0 ? random.Next(1, 3) : 0, DryMultiplier = random.Next(4) == 0 ? 0.8f : 0, DrySequenceBreakers = [],
            XtcProbability = random.Next(4) == 0 ? 0.5f : 0, TypicalP = random.Next(4) == 0 ? 0.9f : 1,
        };
        return new Work(prompt, new GenerateOptions
        {
            MaxTokens = hasGrammar ? 60 : length, IgnoreEos = !hasGrammar, Grammar = hasGrammar ? s_grammars[random.Next(s_grammars.Length)] : null,
            Sampling = sampling, Salt = random.Next(3) == 0 ? "other" : null, Priority = random.Next(3), Choice = (uint)random.Next(3),
            Stop = random.Next(4) == 0 ? ["ab", "q"] : [],
            Reasoning = random.Next(3) == 0 ? new ReasoningLimit(random.Next(6), "<", "b>", IsOpen: random.Next(2) == 0) : null,
        }, random.Next(5) == 0 ? random.Next(0, 20) : int.MaxValue);
    }

    private static (int[] Tokens, string Text, FinishReason? Finish) Read(Generation generation, CancellationTokenSource? cancellation = null, int cancelAfter = int.MaxValue)
    {
        var tokens = new List<int>();
        string text = "";
        if (cancelAfter == 0) cancellation!.Cancel();
        foreach (GeneratedToken step in generation)
        {
            if (step.Token >= 0) tokens.Add(step.Token);
            text += step.Text;
            if (tokens.Count == cancelAfter) cancellation!.Cancel();
        }
        return ([.. tokens], text, generation.Finish);
    }

    [TestMethod]
    [DataRow("llama", true)]
    [DataRow("qwen3moe", true)]
    [DataRow("gemma3", true)]
    [DataRow("gemma3", false)]
    [DataRow("qwen35", true)]
    [DataRow("mamba2", false)]
    public void EachRequestEqualsItselfAlone(string name, bool shares)
    {
        int count = Settings.Full ? 200 : 40;
        byte[] file = ModelSpecFile.Make(name, withTokens: true);
        using LanguageModel model = LanguageModel.Open(file), draft = LanguageModel.Open(file);
        var random = new Random(name.Length + (shares ? 1 : 0));
        Work[] works = [.. Enumerable.Range(0, count).Select(_ => Make(random, model.VocabSize))];
        var options = new ContextOptions { Threads = 1, ContextSize = ContextSize, PrefixSharing = false };
        using Context alone = model.CreateContext(options);
        var expected = works.Select(work =>
        {
            using Generation generation = alone.Generate(work.Prompt, work.Options);
            return Read(generation);
        }).ToArray();

        int preemptions = 0, reused = 0, accepted = 0;
        using Context context = model.CreateContext(
            options with { MaxSequences = 3, BatchSize = 96, PrefixSharing = shares, Lookup = shares, DraftTokens = shares ? 4 : 0 }, shares ? draft : null);
        int free = context.FreeCacheBlocks;
        foreach (int[] group in Enumerable.Range(0, count).Chunk(20))
        {
            CancellationTokenSource[] cancellations = [.. group.Select(_ => new CancellationTokenSource())];
            Generation[] generations = [.. group.Zip(cancellations, (i, cancellation) => context.Generate(works[i].Prompt, works[i].Options, cancellation: cancellation.Token))];
            Parallel.For(0, group.Length, new ParallelOptions { MaxDegreeOfParallelism = 6 }, k =>
            {
                int i = group[k];
                (int[] tokens, string text, FinishReason? finish) = Read(generations[k], cancellations[k], works[i].CancelAfter);
                CollectionAssert.AreEqual(expected[i].Tokens[..Math.Min(tokens.Length, expected[i].Tokens.Length)], tokens, $"request {i}");
                if (finish != FinishReason.Cancelled)
                    Assert.AreEqual((expected[i].Text, expected[i].Finish, expected[i].Tokens.Length), (text, finish, tokens.Length), $"request {i}");
                else Assert.IsLessThan(int.MaxValue, works[i].CancelAfter, $"request {i}");
            });
            foreach (Generation generation in generations)
            {
                preemptions += generation.Statistics.Preemptions;
                reused += generation.Statistics.ReusedTokens;
                accepted += generation.Statistics.AcceptedTokens;
            }
            foreach (CancellationTokenSource cancellation in cancellations) cancellation.Dispose();
        }
        Assert.AreEqual(free, context.FreeCacheBlocks, "every block and state is free again");
        Assert.IsGreaterThan(0, preemptions, "the cache was too small for all");
        if (shares) Assert.IsGreaterThan(0, Math.Min(reused, accepted), "prefixes were shared and guesses came true");
    }

    [TestMethod]
    public void AHigherPriorityComesFirst()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize, BatchSize = 16, LogitsRows = 1 });
        int[] prompt = [.. Enumerable.Range(4, 40)];
        var options = new GenerateOptions { MaxTokens = 4, IgnoreEos = true };
        using Generation low = context.Generate(prompt, options), high = context.Generate(prompt, options with { Priority = 1, Salt = "another" });
        Assert.IsTrue(low.MoveNext());
        Assert.AreEqual(4, high.Statistics.GeneratedTokens, "the later one, of a higher priority, was done before");
    }

    [TestMethod]
    public void AShortPromptDoesNotWaitForALongOne()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize, BatchSize = 32, MaxSequences = 2 });
        using Generation longer = context.Generate([.. Enumerable.Range(4, 150)], new GenerateOptions { MaxTokens = 1 });
        using Generation shorter = context.Generate([5, 6, 7], new GenerateOptions { MaxTokens = 1 });
        Assert.IsTrue(shorter.MoveNext());
        Assert.AreEqual(1L, context.Passes);
    }

    [TestMethod]
    public void StepsCanBeDrivenByHand()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize, MaxSequences = 2 });
        int told = 0;
        var options = new GenerateOptions { MaxTokens = 5, IgnoreEos = true, Sampling = SamplingOptions.Greedy, OnReady = () => told++ };
        using Generation first = context.Generate([5, 6, 7], options), second = context.Generate([8, 9], options with { MaxTokens = 2 });
        Assert.IsFalse(first.TryReadNext(), "nothing is computed yet");
        int steps = 1;
        while (context.Step() > 0) steps++;
        Assert.AreEqual(0, context.Step());
        Assert.AreEqual(5L, context.Passes);
        Assert.AreEqual(5, steps);
        Assert.AreEqual(5 + 2, told);
        int read = 0;
        while (first.TryReadNext()) read++;
        while (second.TryReadNext()) read++;
        Assert.AreEqual(5 + 1 + 2 + 1, read, "the last item of each tells why it ended");
        Assert.AreEqual(FinishReason.Length, second.Finish);
    }

    [TestMethod]
    public void AThreadOfTheContextDrivesItsSteps()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        var options = new GenerateOptions { MaxTokens = 20, IgnoreEos = true, Sampling = SamplingOptions.Greedy };
        int[][] prompts = [.. Enumerable.Range(0, 6).Select(i => (int[])[5 + i, 6, 7 + i])];
        using Context alone = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize });
        int[][] expected = [.. prompts.Select(prompt => Read(alone.Generate(prompt, options)).Tokens)];

        Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize, MaxSequences = 6 });
        context.StartThread();
        context.StartThread();
        using var done = new CountdownEvent(prompts.Length);
        var generations = new List<Generation>();
        foreach (int[] prompt in prompts)
        {
            int made = 0;
            generations.Add(context.Generate(prompt, options with { OnReady = () => { if (++made == 20) done.Signal(); } }));
        }
        Assert.IsTrue(done.Wait(TimeSpan.FromMinutes(1)), "nobody reads, and the answers are made");
        for (int i = 0; i < prompts.Length; i++)
        {
            var tokens = new List<int>();
            while (generations[i].TryReadNext() || generations[i].Finish is null)
                if (generations[i].Current.Finish is null) tokens.Add(generations[i].Current.Token);
            CollectionAssert.AreEqual(expected[i], tokens);
        }
        using Generation waiting = context.Generate(prompts[0], options);
        CollectionAssert.AreEqual(expected[0], Read(waiting).Tokens, "a reader waits for the thread");
        Generation unfinished = context.Generate(prompts[0], options with { MaxTokens = 180 });
        context.Dispose();
        try
        {
            while (unfinished.MoveNext()) { }
        }
        catch (ObjectDisposedException)
        {
        }
    }
}
