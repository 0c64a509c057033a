using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Requests that end before their time, alone and beside others, between passes and within them.</summary>
[TestClass]
public sealed class CancellationTests
{
    private static readonly GenerateOptions s_options = new() { MaxTokens = 30, IgnoreEos = true, Sampling = SamplingOptions.Greedy };
    private static readonly int[][] s_prompts = [[5, 6, 7], [8, 9, 10, 11], [12, 13]];

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void APassEndsWhenAllOfItsRequestsHaveEnded(bool byDisposal)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = NewContext(model);
        Generation[] generations = [.. s_prompts.Select(prompt => context.Generate(prompt, s_options))];
        context.Step();
        Assert.AreEqual(1L, context.Passes);
        var layers = new List<int>();
        context.Cpu.Tracer = (name, layer, _) =>
        {
            if (name != "l_out") return;
            layers.Add(layer);
            foreach (Generation generation in generations)
                if (byDisposal) generation.Dispose();
                else generation.Cancel();
        };
        Assert.AreEqual(0, context.Step());
        CollectionAssert.AreEqual((int[])[0], layers.Distinct().ToArray(), "no layer but the first was computed");
        Assert.AreEqual(1L, context.Passes);
        context.Cpu.Tracer = null;
        if (!byDisposal)
            foreach (Generation generation in generations)
                CollectionAssert.AreEqual((FinishReason?[])[null, FinishReason.Cancelled], generation.Select(step => step.Finish).ToArray());
        Assert.AreEqual(KvCacheBlocks(model), context.FreeCacheBlocks);
    }

    [TestMethod]
    public void APassGoesOnForThoseWhoNeedIt()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context alone = NewContext(model), context = NewContext(model);
        int[] expected = Tokens(alone.Generate(s_prompts[2], s_options));
        Generation[] generations = [.. s_prompts.Select(prompt => context.Generate(prompt, s_options))];
        context.Step();
        context.Cpu.Tracer = (name, layer, _) =>
        {
            if (name == "l_out" && layer == 0) generations[0].Cancel();
            if (name == "l_out" && layer == 0) generations[1].Dispose();
        };
        Assert.AreEqual(1, context.Step());
        context.Cpu.Tracer = null;
        Assert.AreEqual(2L, context.Passes);
        CollectionAssert.AreEqual(expected, Tokens(generations[2]));
        Assert.HasCount(1, Tokens(generations[0]), "nothing is made for it after it was cancelled");
        Assert.AreEqual(FinishReason.Cancelled, generations[0].Finish);
    }

    // The pass is held up until the reader has been told.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public async Task ACancelledReaderDoesNotWaitForThePassOfOthers(bool byToken)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = NewContext(model);
        using var cancellation = new CancellationTokenSource();
        using Generation other = context.Generate(s_prompts[0], s_options), cancelled = context.Generate(s_prompts[1], s_options, cancellation: cancellation.Token);
        using var isComputing = new ManualResetEventSlim();
        using var mayGoOn = new ManualResetEventSlim();
        context.Cpu.Tracer = (_, _, _) =>
        {
            isComputing.Set();
            mayGoOn.Wait();
        };
        Task<bool> computing = Task.Run(other.MoveNext);
        isComputing.Wait();
        Task<bool> reading = Task.Run(cancelled.MoveNext);
        if (byToken) await cancellation.CancelAsync();
        else cancelled.Cancel();
        Assert.IsTrue(await reading);
        Assert.AreEqual((-1, FinishReason.Cancelled), (cancelled.Current.Token, cancelled.Finish));
        cancelled.Dispose();
        mayGoOn.Set();
        Assert.IsTrue(await computing);
        Assert.IsNull(other.Finish);
    }

    [TestMethod]
    public void WhoPollsIsToldWithoutAStep()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = NewContext(model);
        using Generation cancelled = context.Generate(s_prompts[0], s_options), late = context.Generate(s_prompts[1], s_options with { Deadline = TimeSpan.Zero });
        Assert.IsTrue(late.TryReadNext());
        Assert.AreEqual(FinishReason.Deadline, late.Finish);
        Assert.IsTrue(cancelled.MoveNext());
        cancelled.Cancel();
        cancelled.Cancel();
        Assert.IsTrue(cancelled.TryReadNext());
        Assert.AreEqual(FinishReason.Cancelled, cancelled.Finish);
        Assert.IsFalse(cancelled.TryReadNext());
        Assert.AreEqual(0, context.Step(), "nothing goes on");
    }

    [TestMethod]
    public void ASequenceOfTheCallersIsFreeWhenItsReaderIsTold()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = NewContext(model);
        using Sequence sequence = context.NewSequence();
        using Generation first = context.Generate(s_prompts[0], s_options, sequence);
        Assert.IsTrue(first.MoveNext());
        first.Cancel();
        Assert.IsTrue(first.MoveNext());
        Assert.AreEqual(FinishReason.Cancelled, first.Finish);
        using Generation second = context.Generate(s_prompts[0], s_options, sequence);
        Assert.HasCount(30, Tokens(second));
    }

    private static Context NewContext(LanguageModel model) =>
        model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 128, MaxSequences = 3, PrefixSharing = false });

    private static int KvCacheBlocks(LanguageModel model)
    {
        using Context unused = NewContext(model);
        return unused.FreeCacheBlocks;
    }

    private static int[] Tokens(Generation generation)
    {
        using (generation) return [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];
    }
}
