using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Generations that share a context: each gets the tokens that it would get alone.</summary>
[TestClass]
public sealed class SchedulerTests
{
    private const int Requests = 16, Length = 32;

    [TestMethod]
    public void SixteenThreadsShareTheirPassesAndEachEqualsItselfAlone()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        (int[] Prompt, GenerateOptions Options)[] requests = [.. Enumerable.Range(0, Requests).Select(i => Request(new Random(i), Length))];
        int[][] alone = Alone(model, requests);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2, ContextSize = 256, MaxSequences = Requests, BatchSize = 512, PromptShare = 1 });
        Generation[] generations = [.. requests.Select(request => context.Generate(request.Prompt, request.Options))];
        int[][] found = Together(generations);
        for (int i = 0; i < Requests; i++) CollectionAssert.AreEqual(alone[i], found[i], $"request {i}");
        Assert.IsLessThan(64L, context.Passes, "passes");
        Assert.AreEqual(context.Options.MaxSequences * 4, context.FreeCacheBlocks, "every block is free again");
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    public void RandomArrivalsLengthsAndCancellationsChangeNoToken(int seed)
    {
        int rounds = Settings.Full ? 20 : 2;
        using var file = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        var random = new Random(seed);
        for (int round = 0; round < rounds; round++)
        {
            int count = random.Next(1, Requests + 1);
            (int[] Prompt, GenerateOptions Options)[] requests = [.. Enumerable.Range(0, count).Select(_ => Request(random, random.Next(1, 40)))];
            int[][] alone = Alone(model, requests);
            // Few rows of logits and small batches: requests wait for one another.
            using Context context = model.CreateContext(new ContextOptions
            {
                Threads = 1, ContextSize = 256, MaxSequences = count, BatchSize = random.Next(8, 100), LogitsRows = random.Next(1, 8),
            });
            int[] delays = [.. requests.Select(_ => random.Next(3))], stops = [.. requests.Select(_ => random.Next(3) == 0 ? random.Next(1, 20) : int.MaxValue)];
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, i =>
            {
                Thread.Sleep(delays[i]);
                using var cancellation = new CancellationTokenSource();
                using Generation generation = context.Generate(requests[i].Prompt, requests[i].Options, cancellation: cancellation.Token);
                var tokens = new List<int>();
                foreach (GeneratedToken step in generation)
                {
                    if (step.Token >= 0) tokens.Add(step.Token);
                    if (tokens.Count == stops[i]) cancellation.Cancel();
                }
                CollectionAssert.AreEqual(alone[i][..tokens.Count], tokens, $"request {i} of {count}");
                if (tokens.Count < alone[i].Length) Assert.AreEqual(FinishReason.Cancelled, generation.Finish, $"request {i} of {count}");
            });
            Assert.AreEqual(count * 4, context.FreeCacheBlocks, "every block is free again");
        }
    }

    [TestMethod]
    public void ARequestThatFailsLeavesTheOthersAlone()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 128, MaxSequences = 3 });
        (int[] Prompt, GenerateOptions Options) good = Request(new Random(1), 10);
        int[] expected = Alone(model, [good])[0];
        var nothing = new GenerateOptions { Sampling = new SamplingOptions { LogitBias = Enumerable.Range(0, TinyModel.Vocab).ToDictionary(id => id, _ => float.NegativeInfinity) } };
        using Generation first = context.Generate(good.Prompt, good.Options), bad = context.Generate([3], nothing);
        CollectionAssert.AreEqual(expected, first.Where(step => step.Token >= 0).Select(step => step.Token).ToArray());
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => bad.MoveNext()).Code);
        Assert.AreEqual(6, context.FreeCacheBlocks);
    }

    [TestMethod]
    public void OneThatFindsTheCacheFullWaitsForTheOthersAndFailsAlone()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 128, MaxSequences = 1 });
        int[] prompt = [.. Enumerable.Repeat(3, 100)];
        var options = new GenerateOptions { MaxTokens = 5, IgnoreEos = true, Sampling = SamplingOptions.Greedy };
        using Generation first = context.Generate(prompt, options), second = context.Generate(prompt, options);
        int[] expected = [.. first.Select(step => step.Token)];
        CollectionAssert.AreEqual(expected, second.Select(step => step.Token).ToArray());

        using Sequence holds = context.NewSequence();
        context.Evaluate(holds, prompt, prompt.Length);
        using Generation third = context.Generate(prompt, options);
        Assert.AreEqual(ErrorCode.ContextFull, Assert.ThrowsExactly<EdgeLlmException>(() => third.MoveNext()).Code);
    }

    [TestMethod]
    public void ALongPromptDoesNotHoldUpThoseThatDecode()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 256, MaxSequences = 2, BatchSize = 16 });
        var options = new GenerateOptions { MaxTokens = 40, IgnoreEos = true, Sampling = SamplingOptions.Greedy };
        using Generation decoding = context.Generate([3], options);
        Assert.IsTrue(decoding.MoveNext());
        long before = context.Passes;
        using Generation prefill = context.Generate([.. Enumerable.Repeat(5, 100)], options);
        Assert.IsTrue(prefill.MoveNext());
        Assert.AreEqual(7L, context.Passes - before, "100 tokens, 15 a pass beside the other request's");
        for (int i = 0; i < 7; i++) Assert.IsTrue(decoding.MoveNext());
        Assert.AreEqual(7L, context.Passes - before, "they were made meanwhile");
    }

    private static (int[] Prompt, GenerateOptions Options) Request(Random random, int length) =>
        ([.. Enumerable.Range(0, random.Next(1, 150)).Select(_ => random.Next(3, TinyModel.Vocab))], new GenerateOptions
        {
            MaxTokens = length, IgnoreEos = true, Sampling = new SamplingOptions { Seed = (ulong)random.Next(), RepeatPenalty = 1.1f },
        });

    private static int[][] Alone(LanguageModel model, (int[] Prompt, GenerateOptions Options)[] requests)
    {
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 256 });
        return [.. requests.Select(request => context.Generate(request.Prompt, request.Options).Where(step => step.Token >= 0).Select(step => step.Token).ToArray())];
    }

    private static int[][] Together(Generation[] generations)
    {
        var found = new int[generations.Length][];
        Thread[] threads = [.. generations.Select((generation, i) => new Thread(() =>
            found[i] = [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)]))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        return found;
    }
}
