using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

[TestClass]
public sealed class EmbeddingTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 70).Select(i => 1 + (i * 37 % (TinyModel.Vocab - 1)))];

    [TestMethod]
    [DataRow(GgmlType.F32, 1, 512)]
    [DataRow(GgmlType.F32, 2, 7)]
    [DataRow(GgmlType.Q8_0, 2, 33)]
    public void TheMeanOfHiddenStatesDoesNotDependOnBatchesOrThreads(GgmlType type, int threads, int batchSize)
    {
        using var file = new TinyModel(type, type);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = threads, BatchSize = batchSize });
        float[] expected = Expected(model);
        CollectionAssert.AreEqual(expected, context.Embed(s_tokens, normalize: false));
        Assert.AreEqual(model.EmbeddingLength, expected.Length);
        Assert.AreEqual((TinyModel.Context + 63) / 64, context.FreeCacheBlocks, "nothing stays in the cache");
    }

    [TestMethod]
    public void NormalizedItHasLengthOne()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        float[] mean = context.Embed(s_tokens, normalize: false), unit = context.Embed(s_tokens);
        Assert.AreEqual(1, unit.Sum(value => (double)value * value), 1e-6);
        double length = Math.Sqrt(mean.Sum(value => (double)value * value));
        for (int i = 0; i < mean.Length; i++) Assert.AreEqual(mean[i] / length, unit[i], 1e-6);
    }

    [TestMethod]
    public void ItLeavesSequencesAndTheirLogitsAlone()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 }), other = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        float[] expected = other.AllLogits(s_tokens, 1)[^TinyModel.Vocab..];
        var batch = new Batch();
        batch.Add(sequence, s_tokens.AsSpan(0, s_tokens.Length - 1));
        context.Forward(batch);
        context.Embed(s_tokens.AsSpan(3, 20));
        batch.Clear();
        batch.Add(sequence, s_tokens.AsSpan(s_tokens.Length - 1));
        CollectionAssert.AreEqual(expected, context.Forward(batch)[0].ToArray());
    }

    [TestMethod]
    public void ErrorsAreTyped()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 64 });
        Assert.AreEqual(ErrorCode.InvalidArgument, Code(() => context.Embed([])));
        Assert.AreEqual(ErrorCode.InvalidArgument, Code(() => context.Embed([TinyModel.Vocab])));
        Assert.AreEqual(ErrorCode.ContextFull, Code(() => context.Embed(s_tokens)));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.AreEqual(ErrorCode.Cancelled, Code(() => context.Embed([1], cancellation: cancelled.Token)));
        Assert.AreEqual(1, context.FreeCacheBlocks);
    }

    [TestMethod]
    public void TheyAreCloseToLlamaCpps()
    {
        string path = Peer.Stories();
        using LanguageModel model = LanguageModel.Open(path);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, TypeK = KvType.F32, TypeV = KvType.F32 });
        int[] tokens = [1, 403, 407, 261, 378];
        Assert.IsLessThan(1e-4, Peer.RelativeDifference(context.Embed(tokens, normalize: false), Peer.Embed(path, tokens)));
    }

    // Token by token, from the trace.
    private static float[] Expected(LanguageModel model)
    {
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        double[] sums = new double[model.EmbeddingLength];
        context.Cpu.Tracer = (name, _, rows) =>
        {
            if (name != "result_norm") return;
            for (int i = 0; i < sums.Length; i++) sums[i] += rows[0][i];
        };
        context.AllLogits(s_tokens, 1);
        return Array.ConvertAll(sums, sum => (float)(sum / s_tokens.Length));
    }

    private static ErrorCode Code(Action action) => Assert.ThrowsExactly<EdgeLlmException>(action).Code;
}
