using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Evaluation;

/// <summary>Perplexity and divergence against a plain recomputation from all logits.</summary>
[TestClass]
public sealed class PerplexityRunTests
{
    private const int Size = 37;

    private static readonly Vocabulary s_vocabulary = SmallVocabularies.Spm(("▁a", 0)).Vocabulary; // BOS is 1
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 120).Select(i => 3 + (i * i * 31 % 120))];
    private static TinyModel s_exact = null!, s_coarse = null!;

    [ClassInitialize]
    public static void MakeModels(TestContext context)
    {
        s_exact = new TinyModel(GgmlType.F32, GgmlType.F32);
        s_coarse = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0);
    }

    [ClassCleanup]
    public static void DeleteModels()
    {
        s_exact.Dispose();
        s_coarse.Dispose();
    }

    [TestMethod]
    public void PerplexityIsThatOfTheSecondHalfOfEachChunk()
    {
        using LanguageModel model = LanguageModel.Open(s_exact.File);
        PerplexityResult result = Measure(model, new ContextOptions());
        double sum = 0, squares = 0;
        int hits = 0, scored = 0;
        foreach ((int target, double[] logP) in Predictions(model))
        {
            sum -= logP[target];
            squares += logP[target] * logP[target];
            hits += logP.Max() == logP[target] ? 1 : 0;
            scored++;
        }
        Assert.AreEqual((3 * (Size - 1 - (Size / 2)), 3), (scored, result.Running.Count));
        Assert.AreEqual(scored, result.Nll.Count);
        double mean = sum / scored, error = Math.Sqrt(((squares / scored) - (mean * mean)) / (scored - 1));
        Assert.AreEqual(Math.Exp(mean), result.Perplexity, 1e-4);
        Assert.AreEqual(Math.Exp(mean) * error, result.StandardError, 1e-4);
        Assert.AreEqual((double)hits / scored, result.Top1.Mean, 1e-12);
        Assert.AreEqual(result.Perplexity, result.Running[^1]);
    }

    [TestMethod]
    public void ThreadsAndBatchesDoNotMatter()
    {
        using LanguageModel model = LanguageModel.Open(s_coarse.File);
        PerplexityResult expected = Measure(model, new ContextOptions { Threads = 1 });
        foreach ((int threads, int batch) in ((int, int)[])[(1, 1), (2, 5), (3, 36), (2, 512)])
        {
            PerplexityResult result = Measure(model, new ContextOptions { Threads = threads, BatchSize = batch });
            Assert.AreEqual(expected.Perplexity, result.Perplexity);
            Assert.AreEqual(expected.StandardError, result.StandardError);
        }
    }

    [TestMethod]
    public void DivergenceIsThatOfTheDistributions()
    {
        using LanguageModel exact = LanguageModel.Open(s_exact.File), coarse = LanguageModel.Open(s_coarse.File);
        string path = Save(exact);
        try
        {
            using LogitsFile file = LogitsFile.Open(path);
            DivergenceResult self = Measure(exact, new ContextOptions(), compare: file).Divergence!;
            Assert.AreEqual(0, self.Kl.Mean, 1e-6);
            Assert.IsGreaterThan(0.95, self.SameTop1.Mean);

            (int Target, double[] LogP)[] p = [.. Predictions(exact)], q = [.. Predictions(coarse)];
            double[] expected = [.. p.Zip(q, (a, b) => a.LogP.Zip(b.LogP, (x, y) => Math.Exp(x) * (x - y)).Sum())];
            DivergenceResult found = Measure(coarse, new ContextOptions { Threads = 2, BatchSize = 7 }, compare: file).Divergence!;
            Assert.AreEqual(expected.Average(), found.Kl.Mean, 1e-4);
            Assert.AreEqual(expected.Max(), found.Quantile(1), 1e-4);
            int same = p.Zip(q, (a, b) => Array.IndexOf(a.LogP, a.LogP.Max()) == Array.IndexOf(b.LogP, b.LogP.Max()) ? 1 : 0).Sum();
            Assert.AreEqual((double)same / p.Length, found.SameTop1.Mean, 1.5 / p.Length); // 16 bits may make a tie
            Assert.AreEqual(p.Length, found.Kl.Count);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestMethod]
    public void WhatCannotBeComparedIsRefused()
    {
        using LanguageModel model = LanguageModel.Open(s_exact.File);
        using var story = new ScriptedModel(["▁one"], ScriptedModel.FirstWord);
        using LanguageModel other = LanguageModel.Open(story.File);
        string path = Save(model);
        try
        {
            using LogitsFile file = LogitsFile.Open(path);
            Refused($"{TinyModel.Vocab}", () => Measure(other, new ContextOptions(), compare: file));
            Refused("chunks of 20", () => Run(model, new TextChunks(s_tokens, 20), file));
            Refused("another text", () => Run(model, new TextChunks([.. s_tokens.Select(token => token ^ 1)], Size), file));
        }
        finally
        {
            File.Delete(path);
        }
        Refused("36 tokens", () => _ = new TextChunks(s_tokens[..36], Size));
    }

    [TestMethod]
    public void ACancelledRunKeepsTheChunksDone()
    {
        using LanguageModel model = LanguageModel.Open(s_exact.File);
        using var source = new CancellationTokenSource();
        using var run = new PerplexityRun(model, s_vocabulary, new TextChunks(s_tokens, Size), new ContextOptions());
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => run.Run(source.Cancel, source.Token));
        Assert.AreEqual(ErrorCode.Cancelled, error.Code);
        Assert.AreEqual((1, (long)Size - 1 - (Size / 2)), (run.Result.Running.Count, run.Result.Nll.Count));
    }

    internal static string Save(LanguageModel model)
    {
        string path = Path.GetTempFileName();
        using FileStream stream = File.Create(path);
        Measure(model, new ContextOptions { BatchSize = 9 }, stream);
        return path;
    }

    private static PerplexityResult Measure(LanguageModel model, ContextOptions options, Stream? save = null, LogitsFile? compare = null)
    {
        using var run = new PerplexityRun(model, s_vocabulary, new TextChunks(s_tokens, Size), options, save, compare);
        run.Run(null, CancellationToken.None);
        return run.Result;
    }

    private static void Run(LanguageModel model, TextChunks chunks, LogitsFile compare) =>
        new PerplexityRun(model, s_vocabulary, chunks, new ContextOptions(), null, compare).Dispose();

    // The targets of the scored positions with the logarithms of all probabilities, the plain way.
    private static IEnumerable<(int Target, double[] LogP)> Predictions(LanguageModel model)
    {
        using Context context = model.CreateContext(new ContextOptions { LogitsRows = Size });
        for (int start = 0; start + Size <= s_tokens.Length; start += Size)
        {
            int[] chunk = [1, .. s_tokens[(start + 1)..(start + Size)]];
            float[] logits = context.AllLogits(chunk, Size);
            for (int position = Size / 2; position < Size - 1; position++)
            {
                float[] row = logits[(position * model.VocabSize)..((position + 1) * model.VocabSize)];
                double sum = Math.Log(row.Sum(x => Math.Exp(x)));
                yield return (chunk[position + 1], [.. row.Select(x => x - sum)]);
            }
        }
    }

    private static void Refused(string says, Action action)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        StringAssert.Contains(error.Message, says);
    }
}
