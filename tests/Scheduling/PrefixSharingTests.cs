using Edge.Llm.Cache;
using Edge.Llm.Models;
using Edge.Llm.Scheduling;
using Edge.Llm.Tests.Support;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Generations that go on from what others have computed of the same beginning. No token depends on it.</summary>
[TestClass]
public sealed class PrefixSharingTests : IDisposable
{
    private static readonly GenerateOptions s_options = new() { MaxTokens = 12, IgnoreEos = true, Sampling = new SamplingOptions { Seed = 3 } };

    private readonly TinyModel _file = new(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
    private readonly LanguageModel _model;
    private readonly Context _alone;

    public PrefixSharingTests()
    {
        _model = LanguageModel.Open(_file.File);
        _alone = NewContext(new ContextOptions { PrefixSharing = false });
    }

    public void Dispose()
    {
        _alone.Dispose();
        _model.Dispose();
        _file.Dispose();
    }

    [TestMethod]
    public void ASecondRequestComputesAtMost64TokensBehindASharedPrefixOf1000()
    {
        int[] prefix = Text(1000, 1), first = [.. prefix, 5, 6], second = [.. prefix, 9, 8, 7];
        using Context context = NewContext(new ContextOptions());
        Same(context, first, s_options, 0);
        Same(context, second, s_options, 960);
        Same(context, second, s_options, 960);
        Same(_alone, second, s_options, 0);
    }

    [TestMethod]
    public void TheSequenceMayBeTheCallersOwn()
    {
        int[] prompt = Text(200, 1), other = [.. prompt[..130], .. Text(50, 2)];
        using Context context = NewContext(new ContextOptions());
        using Sequence first = context.NewSequence(), second = context.NewSequence();
        Same(context, prompt, s_options, 0, first);
        Same(context, other, s_options, 128, second);
        Same(context, prompt, s_options, 199, first);
        Same(context, prompt, s_options, 192, second);
    }

    [TestMethod]
    public void SaltsAndAdaptersShareNothing()
    {
        LoraAdapter adapter = _model.LoadAdapter(AdapterFile.Make(_model));
        int[] prompt = Text(200, 1);
        using Context context = NewContext(new ContextOptions());
        GenerateOptions[] kinds = [s_options, s_options with { Salt = "a" }, s_options with { Salt = "b" }, s_options with { Adapters = [new(adapter)] },
            s_options with { Adapters = [new(adapter, 0.5f)] }, s_options with { Adapters = [new(adapter)], Salt = "a" }];
        foreach (GenerateOptions options in kinds) Same(context, prompt, options, 0);
        foreach (GenerateOptions options in kinds) Same(context, prompt, options, 192);
        using Sequence sequence = context.NewSequence();
        Same(context, prompt, s_options with { Salt = "a" }, 192, sequence);
        Same(context, prompt, s_options, 199, sequence);
        Same(context, prompt, s_options with { Salt = "c" }, 0, sequence);
    }

    [TestMethod]
    public void RequestsThatComeTogetherComputeTheirPrefixOnce()
    {
        const int Count = 12;
        int[] prefix = Text(700, 1);
        int[][] prompts = [.. Enumerable.Range(0, Count).Select(i => (int[])[.. prefix, .. Text(i, i)])];
        using Context context = NewContext(new ContextOptions { MaxSequences = Count, BatchSize = 2048 });
        Generation[] generations = [.. prompts.Select(prompt => context.Generate(prompt, s_options))];
        var found = new int[Count][];
        Parallel.For(0, Count, new ParallelOptions { MaxDegreeOfParallelism = Count }, i => found[i] = Tokens(generations[i]));
        for (int i = 0; i < Count; i++) CollectionAssert.AreEqual(Tokens(_alone.Generate(prompts[i], s_options)), found[i], $"request {i}");
        int read = generations.Sum(generation => generation.Statistics.PromptTokens - generation.Statistics.ReusedTokens);
        Assert.AreEqual(700 - 640 + 640 + ((Count - 1) * (700 - 640)) + Enumerable.Range(0, Count).Sum(), read, "one computes the ten blocks");
    }

    [TestMethod]
    public void ARequestTakesOverWhatABusyOneHasComputedSoFar()
    {
        int[] prompt = Text(400, 1);
        using Context context = NewContext(new ContextOptions { BatchSize = 128 });
        using Generation first = context.Generate(prompt, s_options), second = context.Generate(prompt, s_options);
        Assert.IsTrue(second.MoveNext());
        Assert.AreEqual(384, second.Statistics.ReusedTokens, "the earlier one computes it for both");
        Assert.IsTrue(first.MoveNext());
        Assert.AreEqual(0, first.Statistics.ReusedTokens);
    }

    [TestMethod]
    [DataRow(1, 128)]
    [DataRow(2, 1)]
    public void SmallCachesRandomTextsAndCollisionsChangeNoToken(int seed, int hashBits)
    {
        int rounds = Settings.Full ? 200 : 12;
        var random = new Random(seed);
        using var runner = new ModelRunner(_model.Spec, _model.File, new Gate(this, 1, "", () => { }),
            new ContextOptions { ContextSize = 400, MaxSequences = 2, Threads = 1, LogitsRows = 4, BatchSize = 96 });
        if (hashBits < 128) runner.Cache.Prefixes = new PrefixIndex(runner.Cache, (UInt128.One << hashBits) - 1);
        var scheduler = new Scheduler(runner, new Lifetime(this, () => { }), promptShare: 1);
        int[][] prefixes = [Text(150, 1), Text(150, 2), [.. Text(150, 1)[..100], .. Text(80, 3)]];
        int reused = 0;
        for (int round = 0; round < rounds; round++)
        {
            (int[] Prompt, GenerateOptions Options)[] requests = [.. Enumerable.Range(0, 4).Select(_ => ((int[])
                [.. prefixes[random.Next(3)][..random.Next(60, 150)], .. Text(random.Next(1, 80), random.Next())],
                s_options with { MaxTokens = random.Next(1, 20), Salt = random.Next(3) == 0 ? "x" : null }))];
            Generation[] generations = [.. requests.Select(request => scheduler.Generate(request.Prompt, _model.Tokenizer, request.Options, null, null, default))];
            for (int i = 3; i >= 0; i--)
                CollectionAssert.AreEqual(Tokens(_alone.Generate(requests[i].Prompt, requests[i].Options)), Tokens(generations[i]), $"round {round}, request {i}");
            reused += generations.Sum(generation => generation.Statistics.ReusedTokens);
        }
        Assert.IsGreaterThan(0, reused);
    }

    /// <summary>Windows, chunks, latent attention, shared caches, states: what a block holds depends on the tokens up to its end only.</summary>
    [TestMethod]
    [DataRow("gemma3", true)]
    [DataRow("gemma3n", true)]
    [DataRow("gemma4", true)]
    [DataRow("gpt-oss", true)]
    [DataRow("llama4", true)]
    [DataRow("deepseek2", true)]
    [DataRow("phi3-longrope", true)]
    [DataRow("step35", true)]
    [DataRow("bloom", true)]
    [DataRow("jamba", true)]
    [DataRow("kimi-linear", true)]
    [DataRow("lfm2", true)]
    [DataRow("mamba2", true)]
    [DataRow("qwen35moe", true)]
    [DataRow("falcon-h1", true)]
    [DataRow("modern-bert", false)]
    public void EveryKindOfLayerIsSharedWithTheSameBits(string name, bool shares)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        int[] tokens = [.. Enumerable.Range(0, 220).Select(i => 3 + (i * 37 % 200))];
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256, MaxSequences = 2, Threads = 2, BatchSize = 64 });
        Assert.AreEqual(shares, context.Options.PrefixSharing);
        if (!shares) return;
        float[] expected;
        using (Sequence first = context.NewSequence())
        {
            for (int start = 0; start < 192; start += 64) Forward(context, first, tokens.AsSpan(start, 64));
            expected = Forward(context, first, tokens.AsSpan(192));
        }
        using Sequence second = context.NewSequence();
        Assert.AreEqual(192, second.AdoptPrefix(tokens.AsSpan(0, 219)));
        CollectionAssert.AreEqual(expected, Forward(context, second, tokens.AsSpan(192)));
    }

    private static float[] Forward(Context context, Sequence sequence, ReadOnlySpan<int> tokens)
    {
        var batch = new Batch();
        batch.Add(sequence, tokens);
        return context.Forward(batch)[0].ToArray();
    }

    private void Same(Context context, int[] prompt, GenerateOptions options, int reused, Sequence? sequence = null)
    {
        int[] expected = Tokens(_alone.Generate(prompt, options));
        using Generation generation = context.Generate(prompt, options, sequence);
        CollectionAssert.AreEqual(expected, Tokens(generation));
        Assert.AreEqual((prompt.Length, reused), (generation.Statistics.PromptTokens, generation.Statistics.ReusedTokens));
        Assert.AreEqual(prompt.Length - reused + options.MaxTokens - 1, generation.Statistics.EvaluatedTokens);
    }

    private Context NewContext(ContextOptions options) => _model.CreateContext(options with
    {
        ContextSize = 1100, Threads = 1, MaxSequences = Math.Max(options.MaxSequences, 2),
    });

    private static int[] Tokens(Generation generation) => [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];

    private static int[] Text(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(3, TinyModel.Vocab))];
    }
}
