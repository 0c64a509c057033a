using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Several answers to one prompt: each is the one that its number gives alone, and the prompt is computed once.</summary>
[TestClass]
public sealed class ChoicesTests : IDisposable
{
    private static readonly GenerateOptions s_options = new() { MaxTokens = 20, IgnoreEos = true, Sampling = new SamplingOptions { Seed = 7, Temperature = 2 } };
    private static readonly int[] s_prompt = [.. Enumerable.Range(0, 150).Select(i => 3 + (i * 37 % (TinyModel.Vocab - 3)))];

    private readonly TinyModel _file = new(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
    private readonly LanguageModel _model;

    public ChoicesTests() => _model = LanguageModel.Open(_file.File);

    public void Dispose()
    {
        _model.Dispose();
        _file.Dispose();
    }

    [TestMethod]
    [DataRow(8, 512, true)]
    [DataRow(1, 512, false)]
    [DataRow(3, 40, true)]
    public void EachEqualsItsNumberAloneAndThePromptIsComputedOnce(int maxSequences, int batchSize, bool sharing)
    {
        const int Count = 5;
        using Context context = NewContext(maxSequences, batchSize, sharing);
        IReadOnlyList<Generation> generations = context.GenerateChoices(s_prompt, Count, s_options);
        var found = new int[Count][];
        for (int i = Count - 1; i >= 0; i--) found[i] = Tokens(generations[i]); // the first reader waits for the first one's prompt
        for (int i = 0; i < Count; i++) CollectionAssert.AreEqual(Alone(i), found[i], $"choice {i}");
        Assert.AreEqual(Count, found.Select(tokens => string.Join(' ', tokens)).Distinct().Count(), "they differ");
        Assert.AreEqual(150 + (Count * 19), generations.Sum(generation => generation.Statistics.EvaluatedTokens));
        CollectionAssert.AreEqual((int[])[0, 150, 150, 150, 150], generations.Select(generation => generation.Statistics.ReusedTokens).ToArray());
    }

    [TestMethod]
    public void ARandomSeedIsTheSameForAll()
    {
        using Context context = NewContext(4, 512, sharing: true);
        GenerateOptions options = s_options with { Sampling = s_options.Sampling with { Seed = null } };
        IReadOnlyList<Generation> generations = context.GenerateChoices(s_prompt, 3, options);
        ulong seed = generations[0].Statistics.Seed;
        Assert.IsTrue(generations.All(generation => generation.Statistics.Seed == seed));
        int[] third = Tokens(generations[2]);
        CollectionAssert.AreEqual(third, Tokens(context.Generate(s_prompt, options with { Choice = 2, Sampling = options.Sampling with { Seed = seed } })));
    }

    [TestMethod]
    public void TheOthersGoOnWhenTheFirstIsGone()
    {
        using Context context = NewContext(4, 64, sharing: true);
        int free = context.FreeCacheBlocks;
        IReadOnlyList<Generation> generations = context.GenerateChoices(s_prompt, 3, s_options);
        generations[0].Dispose();
        CollectionAssert.AreEqual(Alone(2), Tokens(generations[2]));
        CollectionAssert.AreEqual(Alone(1), Tokens(generations[1]));
        Assert.AreEqual(free, context.FreeCacheBlocks);
    }

    [TestMethod]
    public void CancellingEndsAllOfThemAndFailuresAreToldToEach()
    {
        using Context context = NewContext(4, 64, sharing: true);
        int free = context.FreeCacheBlocks;
        using var cancellation = new CancellationTokenSource();
        IReadOnlyList<Generation> generations = context.GenerateChoices(s_prompt, 3, s_options, cancellation.Token);
        cancellation.Cancel();
        foreach (Generation generation in generations)
        {
            Assert.IsEmpty(Tokens(generation));
            Assert.AreEqual(FinishReason.Cancelled, generation.Finish);
        }
        var holders = new List<Sequence>();
        for (; context.FreeCacheBlocks > 1; context.Evaluate(holders[^1], s_prompt.AsSpan(0, 60), 60)) holders.Add(context.NewSequence());
        foreach (Generation generation in context.GenerateChoices(s_prompt, 2, s_options))
            Assert.AreEqual(ErrorCode.ContextFull, Assert.ThrowsExactly<EdgeLlmException>(() => generation.MoveNext()).Code);
        foreach (Sequence holder in holders) holder.Dispose();
        Assert.AreEqual(free, context.FreeCacheBlocks);
        foreach (int count in (int[])[0, 1025])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => context.GenerateChoices(s_prompt, count)).Code);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => context.GenerateChoices([], 2)).Code);
    }

    private int[] Alone(int choice)
    {
        using Context context = NewContext(1, 512, sharing: false);
        return Tokens(context.Generate(s_prompt, s_options with { Choice = (uint)choice }));
    }

    private Context NewContext(int maxSequences, int batchSize, bool sharing) => _model.CreateContext(new ContextOptions
    {
        Threads = 1, ContextSize = 512, MaxSequences = maxSequences, BatchSize = batchSize, PrefixSharing = sharing,
    });

    private static int[] Tokens(Generation generation) => [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];
}
