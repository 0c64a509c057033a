using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Adapters;

/// <summary>What an adapter adds is the product of its matrices: the same as a model with that product in its weights.</summary>
[TestClass]
public sealed class LoraTests
{
    // Plain, fused and gated projections, experts in one tensor or three, latent attention both ways, recurrent layers, encoders with heads.
    private static readonly string[] s_few =
    [
        "llama", "phi3", "gemma3", "qwen3moe", "gpt-oss", "deepseek2", "deepseek2-unsplit", "mamba2", "kimi-linear", "qwen35moe", "lfm2", "gemma4", "bert", "bert-rerank",
    ];

    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 24).Select(i => 3 + (((i * 37) + 11) % 200))];

    private static IEnumerable<string> Models => Settings.Full ? ModelSpecFile.Names : s_few;

    [TestMethod]
    [DynamicData(nameof(Models))]
    public void AnAdapterIsItsProductInTheWeights(string name)
    {
        byte[] file = ModelSpecFile.Make(name);
        using LanguageModel model = LanguageModel.Open(file);
        bool tied = model.HasLogits && !model.File.TryGetTensor("output.weight", out _);
        byte[] first = AdapterFile.Make(model, rank: 4, alpha: 2), second = AdapterFile.Make(model, rank: 3, alpha: 0, seed: 2);
        using LoraAdapter a = model.LoadAdapter(first), b = model.LoadAdapter(second);
        Assert.AreEqual(model.Spec.Matrices.Count, a.TensorCount);
        byte[] mergedFile = AdapterFile.Merge(AdapterFile.Merge(file, first, 0.75f, tied), second, -0.25f);
        using LanguageModel merged = LanguageModel.Open(mergedFile);
        float[] expected = Result(merged), found = Result(model, new(a, 0.75f), new(b, -0.25f)), plain = Result(model);
        Assert.IsGreaterThan(0.01, Peer.RelativeDifference(plain, expected), "the adapters change something");
        Assert.IsLessThan(1e-4, Peer.RelativeDifference(found, expected));
    }

    [TestMethod]
    [DataRow("llama")]
    [DataRow("phi3")]
    [DataRow("qwen3moe")]
    [DataRow("deepseek2")]
    [DataRow("kimi-linear")]
    public void RowsOfABatchHaveTheirOwnAdapters(string name)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        using LoraAdapter a = model.LoadAdapter(AdapterFile.Make(model)), b = model.LoadAdapter(AdapterFile.Make(model, rank: 3, seed: 2));
        AdapterScale[][] sets = [[], [new(a)], [new(b, 0.5f)], [new(a, 0.25f), new(b)], [new(a)], [], [new(b, 0.5f)]];
        float[][] alone = Array.ConvertAll(sets, set => Logits(model, [set], batchSize: 64, threads: 1)[0]);
        for (int i = 0; i < sets.Length; i++) Assert.AreEqual(alone[Array.FindIndex(sets, set => set.SequenceEqual(sets[i]))][0], alone[i][0]);
        foreach (Isa isa in KernelTable.SupportedIsas())
            foreach ((int batch, int threads) in new[] { (256, 1), (64, 2), (7, 2) })
            {
                float[][] together = Logits(model, sets, batch, threads, isa);
                for (int i = 0; i < sets.Length; i++) CollectionAssert.AreEqual(alone[i], together[i], $"sequence {i}, {isa}, batches of {batch}, {threads} threads");
            }
    }

    [TestMethod]
    public void QuantizedWeightsTakeAdaptersOfAnyType()
    {
        using var tiny = new TinyModel(GgmlType.Q4_K, GgmlType.Q6_K);
        using LanguageModel model = LanguageModel.Open(tiny.File);
        float[] plain = Result(model);
        foreach (FormatRow format in KernelTable.Formats)
        {
            byte[] file = AdapterFile.Make(model, rank: 256, alpha: 64, type: format.Type);
            using LoraAdapter adapter = model.LoadAdapter(file), floats = model.LoadAdapter(AdapterFile.ToF32(file));
            float[] found = Result(model, new AdapterScale(adapter)), expected = Result(model, new AdapterScale(floats));
            Assert.IsGreaterThan(0.02, Peer.RelativeDifference(plain, expected), $"{format.Type} changes something");
            if (format.Activation == ActivationFormat.F32) CollectionAssert.AreEqual(expected, found, $"{format.Type}");
            else Assert.IsLessThan(0.3 * Peer.RelativeDifference(plain, expected), Peer.RelativeDifference(found, expected), $"{format.Type}");
        }
    }

    [TestMethod]
    public void TiedEmbeddingsChangeAsEmbeddingsOnly()
    {
        byte[] file = ModelSpecFile.Make("gemma3");
        using LanguageModel model = LanguageModel.Open(file);
        Assert.IsFalse(model.File.TryGetTensor("output.weight", out _));
        byte[] adapter = AdapterFile.Make(model, which: name => name == AdapterFile.TokenTable);
        using LanguageModel expected = LanguageModel.Open(AdapterFile.Merge(file, adapter, 1, untied: true));
        using LoraAdapter loaded = model.LoadAdapter(adapter);
        Assert.IsLessThan(1e-5, Peer.RelativeDifference(Result(model, new AdapterScale(loaded)), Result(expected)));
    }

    [TestMethod]
    public void AScaleOf0IsTheModelAlone()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama"));
        using LoraAdapter adapter = model.LoadAdapter(AdapterFile.Make(model));
        CollectionAssert.AreEqual(Result(model), Result(model, new AdapterScale(adapter, 0)));
    }

    [TestMethod]
    public void ThePlanCountsAdapters()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama"));
        var options = new ContextOptions { ContextSize = 128, BatchSize = 32, Threads = 1 };
        MemoryPlan before = model.Plan(options);
        LoraAdapter adapter = model.LoadAdapter(AdapterFile.Make(model, rank: 32, type: GgmlType.Q8_0));
        MemoryPlan with = model.Plan(options);
        Assert.AreEqual(before.Weights + adapter.FileBytes, with.Weights);
        using (Context context = model.CreateContext(options with { Adapters = [new(adapter)] }))
        {
            Assert.AreEqual(before.Activations, context.ActivationBytes);
            context.AllLogits(s_tokens.AsSpan(0, 1), 1);
            Assert.AreEqual(with.Activations, context.ActivationBytes);
        }
        adapter.Dispose();
        Assert.AreEqual(before, model.Plan(options));
    }

    [TestMethod]
    [DataRow("llama")]
    [DataRow("qwen3moe")]
    [DataRow("deepseek2")]
    public void DecodingWithAdaptersAllocatesNoManagedMemory(string name)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        using LoraAdapter a = model.LoadAdapter(AdapterFile.Make(model)), b = model.LoadAdapter(AdapterFile.Make(model, seed: 2));
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, Threads = 2, Adapters = [new(a), new(b, 0.5f)] });
        Allocations.ComeToNothing(() =>
        {
            using Sequence sequence = context.NewSequence();
            var batch = new Batch();
            batch.Add(sequence, 3, wantLogits: true);
            for (int i = 0; i < 40; i++) context.Forward(batch);
            return Allocations.Of(() =>
            {
                for (int i = 0; i < 8; i++) context.Forward(batch); // within the block of 64 positions
            });
        });
    }

    // Logits after every token, or of an encoder its vector.
    private static float[] Result(LanguageModel model, params AdapterScale[] adapters)
    {
        int[] tokens = Array.ConvertAll(s_tokens, token => token % model.VocabSize);
        var options = new ContextOptions
        {
            ContextSize = 128, BatchSize = 24, LogitsRows = 24, Threads = 2, TypeK = KvType.F32, TypeV = KvType.F32, Adapters = adapters,
        };
        using Context context = model.CreateContext(options);
        return model.Ranks ? context.Rank(tokens) : !model.HasLogits ? context.Embed(tokens, normalize: false) : context.AllLogits(tokens, 24);
    }

    // Each sequence's logits after its last token, all in shared batches of interleaved pieces.
    private static float[][] Logits(LanguageModel model, AdapterScale[][] sets, int batchSize, int threads, Isa? isa = null)
    {
        using Context context = model.CreateContext(new ContextOptions
        {
            ContextSize = 64, MaxSequences = sets.Length, BatchSize = batchSize, LogitsRows = batchSize, Threads = threads, Isa = isa,
        });
        Sequence[] sequences = Array.ConvertAll(sets, set => context.NewSequence(set));
        float[][] last = new float[sets.Length][];
        var pieces = new Queue<(int Sequence, int Token)>(
            from token in s_tokens from sequence in Enumerable.Range(0, sets.Length) select (sequence, token % model.VocabSize));
        var batch = new Batch();
        while (pieces.Count > 0)
        {
            batch.Clear();
            var rows = new List<int>();
            while (batch.Count < batchSize && pieces.TryDequeue(out (int Sequence, int Token) piece))
            {
                bool wanted = pieces.Count < sets.Length;
                batch.Add(sequences[piece.Sequence], piece.Token, wanted);
                if (wanted) rows.Add(piece.Sequence);
            }
            Logits logits = context.Forward(batch);
            for (int row = 0; row < rows.Count; row++) last[rows[row]] = logits[row].ToArray();
        }
        foreach (Sequence sequence in sequences) sequence.Dispose();
        return last;
    }
}
