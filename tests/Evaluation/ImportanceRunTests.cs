using Edge.Llm.Quantization;
using Edge.Llm.Tests.Support;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Evaluation;

/// <summary>Importance matrices against sums over the intermediates of a plain forward pass.</summary>
[TestClass]
public sealed class ImportanceRunTests
{
    private const int Size = 50;

    private static readonly Vocabulary s_vocabulary = SmallVocabularies.Spm(("▁a", 0)).Vocabulary; // BOS is 1
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 120).Select(i => 3 + (i * i * 31 % 120))];
    private static TinyModel s_tiny = null!;

    private static IEnumerable<string> Decoders => ModelSpecFile.Names.Where(name =>
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        return model.HasLogits && !model.Ranks;
    });

    [ClassInitialize]
    public static void MakeModel(TestContext context) => s_tiny = new TinyModel(GgmlType.F32, GgmlType.F32);

    [ClassCleanup]
    public static void DeleteModel() => s_tiny.Dispose();

    [TestMethod]
    public void SumsAreThoseOfTheInputs()
    {
        using LanguageModel model = LanguageModel.Open(s_tiny.File);
        Dictionary<string, double[]> expected = Recompute(model);
        ImportanceMatrix matrix = Collect(model, new ContextOptions { Threads = 2, BatchSize = 17 }, includeOutput: true);
        CollectionAssert.AreEquivalent(expected.Keys, matrix.Entries.Keys.ToArray());
        foreach ((string name, ImportanceEntry entry) in matrix.Entries)
        {
            CollectionAssert.AreEqual((float[])[2 * Size], entry.Counts, name);
            Assert.AreEqual(0, Peer.RelativeDifference(entry.SumsOfSquares, [.. expected[name].Select(sum => (float)sum)]), 1e-5, name);
        }
        Assert.AreEqual((2, Size, "some text"), (matrix.ChunkCount, matrix.ChunkSize, matrix.Datasets.Single()));
    }

    [TestMethod]
    public void ThreadsAndBatchesDoNotMatter()
    {
        using LanguageModel model = LanguageModel.Open(s_tiny.File);
        ImportanceMatrix expected = Collect(model, new ContextOptions { Threads = 1 });
        Assert.IsFalse(expected.Entries.ContainsKey("output.weight"));
        foreach ((int threads, int batch) in ((int, int)[])[(1, 1), (3, 7), (2, 512)])
        {
            ImportanceMatrix matrix = Collect(model, new ContextOptions { Threads = threads, BatchSize = batch });
            foreach ((string name, ImportanceEntry entry) in expected.Entries)
                CollectionAssert.AreEqual(entry.SumsOfSquares, matrix.Entries[name].SumsOfSquares, name);
        }
    }

    [TestMethod]
    public void LogitsAreTheSameWhileSumsAreCollected()
    {
        using LanguageModel model = LanguageModel.Open(s_tiny.File);
        using Context context = model.CreateContext(new ContextOptions { LogitsRows = Size });
        float[] expected = context.AllLogits(s_tokens.AsSpan(0, Size), Size);
        int seen = 0;
        context.Cpu.Observer = (x, products) => seen += products.Length;
        CollectionAssert.AreEqual(expected, context.AllLogits(s_tokens.AsSpan(0, Size), Size));
        Assert.AreEqual(TinyModel.Layers * 7 + 1, seen);
    }

    [TestMethod]
    public void MatricesAddUp()
    {
        using LanguageModel model = LanguageModel.Open(s_tiny.File);
        ImportanceMatrix one = Collect(model, new ContextOptions());
        var sums = new ImportanceSums();
        sums.Add(one);
        sums.Add(one);
        using (var run = new ImportanceRun(model, s_vocabulary, new TextChunks(s_tokens, Size), new ContextOptions()))
            run.Run(sums, "more", null, CancellationToken.None);
        ImportanceMatrix three = sums.ToMatrix();
        Assert.AreEqual((6, Size), (three.ChunkCount, three.ChunkSize));
        CollectionAssert.AreEqual((string[])["some text", "more"], three.Datasets.ToArray());
        foreach ((string name, ImportanceEntry entry) in one.Entries)
        {
            Assert.AreEqual(3 * entry.Counts[0], three.Entries[name].Counts[0]);
            for (int i = 0; i < entry.SumsOfSquares.Length; i++)
                Assert.AreEqual(3.0, three.Entries[name].SumsOfSquares[i] / entry.SumsOfSquares[i], 1e-5, name);
        }
        var other = new ImportanceMatrix();
        other.Set("blk.0.attn_q.weight", [1, 2, 3], [4]);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => sums.Add(other)).Code);
    }

    [TestMethod]
    public unsafe void ExpertsAreSummedApart()
    {
        using var pool = new WorkerPool(1);
        float[] rows = [.. Enumerable.Range(1, 32).Select(i => (float)i)];
        var sums = new ImportanceSums();
        fixed (float* x = rows)
        {
            sums.Add(pool, "blk.0.ffn_up_exps.weight", matrices: 3, matrix: 2, new(x, 2, 16));
            sums.Add(pool, "blk.0.ffn_up_exps.weight", matrices: 3, matrix: 0, new(x, 1, 16));
        }
        ImportanceEntry entry = sums.ToMatrix().Entries["blk.0.ffn_up_exps.weight"];
        CollectionAssert.AreEqual((float[])[1, 0, 2], entry.Counts);
        CollectionAssert.AreEqual((float[])[.. rows[..16].Select(x => x * x), .. new float[16], .. rows[..16].Zip(rows[16..], (a, b) => (a * a) + (b * b))], entry.SumsOfSquares);
    }

    /// <summary>Of every decoder: a matrix that is quantized has sums, of each expert those of the tokens that it got, of each head those of all.</summary>
    [TestMethod]
    [DynamicData(nameof(Decoders))]
    public void EveryMatrixOfALayerHasSums(string name)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        ImportanceMatrix matrix = Collect(model, new ContextOptions { Threads = 1 });
        var lacking = new List<string>();
        foreach (Tensor tensor in model.File.Tensors)
        {
            if (!Runs(name, model, tensor.Name)) continue;
            if (tensor is { Ne1: 1, Ne2: 1 } || !tensor.Name.StartsWith("blk.", StringComparison.Ordinal) || !TensorNames.IsQuantizable(tensor.Name)) continue;
            float[]? weights = matrix.ColumnWeights(tensor.Name, tensor.Ne0, tensor.Ne2);
            if (weights is null)
            {
                lacking.Add(tensor.Name);
                continue;
            }
            ImportanceEntry entry = matrix.Entries[tensor.Name];
            Assert.HasCount((int)tensor.Ne2, entry.Counts);
            float rows = entry.Counts.Sum() / (2 * Size);
            Assert.AreEqual(MathF.Round(rows), rows, $"{tensor.Name}: rows a token");
        }
        Assert.IsEmpty(lacking, string.Join(' ', lacking));
    }

    // Not the layers that predict further tokens, nor keys and values of layers that read those of others.
    private static bool Runs(string name, LanguageModel model, string tensor)
    {
        int layer = TensorNames.Layer(tensor);
        bool readsOthers = name == "gemma3n" && layer >= 20 && TensorNames.Role(tensor) is (TensorRole.AttnK or TensorRole.AttnV);
        return layer < model.Spec.Layers.Length && !readsOthers;
    }

    [TestMethod]
    public void ACancelledRunKeepsWholeChunks()
    {
        using LanguageModel model = LanguageModel.Open(s_tiny.File);
        using var source = new CancellationTokenSource();
        var sums = new ImportanceSums();
        using var run = new ImportanceRun(model, s_vocabulary, new TextChunks(s_tokens, Size), new ContextOptions { BatchSize = 8 });
        Assert.AreEqual(ErrorCode.Cancelled, Assert.ThrowsExactly<EdgeLlmException>(() => run.Run(sums, "x", source.Cancel, source.Token)).Code);
        Assert.AreEqual((1, (float)Size), (sums.ChunkCount, sums.ToMatrix().Entries["blk.1.ffn_down.weight"].Counts[0]));
    }

    private static ImportanceMatrix Collect(LanguageModel model, ContextOptions options, bool includeOutput = false)
    {
        var sums = new ImportanceSums();
        using var run = new ImportanceRun(model, s_vocabulary, new TextChunks(s_tokens, Size), options, includeOutput);
        run.Run(sums, "some text", null, CancellationToken.None);
        return sums.ToMatrix();
    }

    // The model has no output matrix of its own: the embedding's is not collected.
    private static Dictionary<string, double[]> Recompute(LanguageModel model)
    {
        var sums = new Dictionary<string, double[]>();
        using Context context = model.CreateContext(new ContextOptions { LogitsRows = Size });
        context.Cpu.Tracer = (name, layer, rows) =>
        {
            string[] weights = name switch { "attn_norm" => ["attn_q", "attn_k", "attn_v"], "kqv_out" => ["attn_output"], "ffn_norm" => ["ffn_gate", "ffn_up"], _ => [] };
            for (int row = 0; row < rows.Count; row++)
            {
                float[] x = rows[row].ToArray();
                foreach (string weight in weights) Square(sums, $"blk.{layer}.{weight}.weight", x);
                if (name == "ffn_norm") Square(sums, $"blk.{layer}.ffn_down.weight", Inner(model, layer, x));
            }
        };
        for (int start = 0; start + Size <= s_tokens.Length; start += Size) context.AllLogits((int[])[1, .. s_tokens[(start + 1)..(start + Size)]], Size);
        return sums;
    }

    private static float[] Inner(LanguageModel model, int layer, float[] h)
    {
        float[] gate = Multiply(model.File.GetTensor($"blk.{layer}.ffn_gate.weight"), h), up = Multiply(model.File.GetTensor($"blk.{layer}.ffn_up.weight"), h);
        return [.. gate.Zip(up, (g, u) => (float)(g / (1 + Math.Exp(-g)) * u))];
    }

    private static unsafe float[] Multiply(Tensor weight, float[] x)
    {
        var y = new float[weight.Ne1];
        for (int row = 0; row < y.Length; row++)
            for (int i = 0; i < x.Length; i++) y[row] += ((float*)weight.Pointer)[(row * weight.Ne0) + i] * x[i];
        return y;
    }

    private static void Square(Dictionary<string, double[]> sums, string name, float[] x)
    {
        if (!sums.TryGetValue(name, out double[]? sum)) sums.Add(name, sum = new double[x.Length]);
        for (int i = 0; i < x.Length; i++) sum[i] += (double)x[i] * x[i];
    }
}
