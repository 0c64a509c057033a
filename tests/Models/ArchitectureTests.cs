using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;
using Registry = Edge.Llm.Models.Architectures.Architecture;

namespace Edge.Llm.Tests.Models;

/// <summary>A small model of each architecture: tokens in, the logits that it has everywhere out.</summary>
[TestClass]
public sealed class ArchitectureTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 24).Select(i => 3 + (((i * 37) + 11) % 200))];

    // NAME, SHA-256 of the logits after every token (of an encoder: of its vector), and three of them.
    private static readonly Lazy<Dictionary<string, string>> s_golden = new(() => File
        .ReadLines(Path.Combine(RepositoryFiles.Root(), "tests", "data", "architectures", "golden.tsv"))
        .ToDictionary(line => line[..line.IndexOf('\t')]));

    private static IEnumerable<string> Names => ModelSpecFile.Names;

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void LogitsHaveTheirBits(string name)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        if (!model.HasLogits || model.Ranks)
        {
            float[] vector = Vector(model, threads: 1);
            Assert.AreEqual(s_golden.Value.GetValueOrDefault(name), Line(name, vector));
            foreach (Isa isa in KernelTable.SupportedIsas()) CollectionAssert.AreEqual(vector, Vector(model, 2, isa), $"{isa}");
            return;
        }
        float[] logits = Logits(model, batchSize: 24, threads: 1);
        Assert.AreEqual(s_golden.Value.GetValueOrDefault(name), Line(name, logits));
        foreach (Isa isa in KernelTable.SupportedIsas()) CollectionAssert.AreEqual(logits, Logits(model, 24, 2, isa), $"{isa}");
        if (model.Spec.BothDirections) return;
        foreach ((int batch, int threads) in new[] { (1, 1), (7, 2) })
            CollectionAssert.AreEqual(logits, Logits(model, batch, threads), $"batches of {batch}, {threads} threads");
    }

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void APlanIsWhatAContextTakes(string name)
    {
        const int Size = 128;
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        int[] tokens = [.. Enumerable.Range(0, Size).Select(i => 3 + (i % 200))];
        int batchSize = model.Spec.BothDirections ? Size : 16; // texts that are read in both directions come whole
        var options = new ContextOptions { ContextSize = Size, BatchSize = batchSize, Threads = 2 };
        MemoryPlan plan = model.Plan(options);
        CacheLayout layout = model.Spec.CacheLayout(options.CacheSize);
        using Context context = model.CreateContext(options);
        Assert.AreEqual(plan.Activations, context.ActivationBytes);
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        if (!model.HasLogits) Vector(model, context, tokens);
        for (int start = 0; start < Size && model.HasLogits; start += batchSize)
        {
            batch.Clear();
            batch.Add(sequence, tokens.AsSpan(start, batchSize));
            context.Forward(batch);
        }
        // Blocks are all in use at the end, and states as far as there are snapshots.
        long states = layout.StateCapacity * layout.StateBytes, statesInUse = context.CacheBytes - (plan.KvCache - states);
        if (layout.StateBytes == 0) Assert.AreEqual(0, statesInUse);
        else
        {
            Assert.AreEqual(0, statesInUse % layout.StateBytes);
            Assert.IsInRange(1, layout.StateCapacity, statesInUse / layout.StateBytes);
        }
    }

    [TestMethod]
    [DataRow("qwen3moe")]
    [DataRow("gpt-oss")]
    [DataRow("deepseek2")]
    [DataRow("qwen35moe")]
    [DataRow("kimi-linear")]
    [DataRow("nemotron-h-moe")]
    [DataRow("jamba")]
    [DataRow("lfm2")]
    [DataRow("gemma4")]
    [DataRow("gemma4-moe")]
    [DataRow("gemma3n")]
    [DataRow("step35")]
    public void DecodingAllocatesNoManagedMemory(string name)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, Threads = 2 });
        Allocations.ComeToNothing(() => AllocatedByDecoding(context));
    }

    private static long AllocatedByDecoding(Context context)
    {
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, s_tokens);
        context.Forward(batch);
        batch.Clear();
        batch.Add(sequence, 3, wantLogits: true);
        for (int i = 0; i < 30; i++) context.Forward(batch);
        return Allocations.Of(() =>
        {
            for (int i = 0; i < 8; i++) context.Forward(batch); // within the block of 64 positions
        });
    }

    [TestMethod]
    public void EveryArchitectureHasAModel()
    {
        string[] untried = ["baichuan", "hunyuan_vl", "hy_v3"]; // known from their descriptions only
        var tried = Names.Select(ModelSpecFile.Architecture).ToHashSet();
        CollectionAssert.AreEqual(untried, Registry.All.Select(architecture => architecture.Name).Where(name => !tried.Contains(name)).Order(StringComparer.Ordinal).ToArray());
    }

    [TestMethod]
    public void ThePageListsTheRegistry()
    {
        var page = new StringBuilder();
        page.AppendLine("| architecture | models | golden logits of |").AppendLine("| --- | --- | --- |");
        var tried = Names.ToLookup(name => ModelSpecFile.Architecture(name));
        foreach (Registry architecture in Registry.All.OrderBy(architecture => architecture.Name, StringComparer.Ordinal))
            page.AppendLine($"| {architecture.Name} | {architecture.Models} | {string.Join(", ", tried[architecture.Name])} |");
        page.AppendLine().AppendLine("| refused | because of |").AppendLine("| --- | --- |");
        foreach ((string name, string reason) in Edge.Llm.Models.Architectures.Waiting.All) page.AppendLine($"| {name} | {reason} |");
        string path = Path.Combine(RepositoryFiles.Root(), "docs", "architectures.md"), text = File.ReadAllText(path), expected = page.ToString().ReplaceLineEndings("\n");
        string proposal = Path.Combine(Path.GetTempPath(), "architectures-table.md");
        if (!text.Contains(expected, StringComparison.Ordinal)) File.WriteAllText(proposal, expected);
        Assert.IsTrue(text.Contains(expected, StringComparison.Ordinal), $"the tables should be those of {proposal}");
    }

    [TestMethod]
    public void AnArchitectureThatCannotRunIsRefusedWithTheReason()
    {
        byte[] file = ModelSpecFile.Make("llama", line => line.Replace("architecture text llama", "architecture text rwkv7", StringComparison.Ordinal));
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => LanguageModel.Open(file)).Message, "'rwkv7' is not supported: a recurrence of its own");
    }

    [TestMethod]
    public void NamesAreUnique() =>
        CollectionAssert.AllItemsAreUnique(Registry.All.Select(architecture => architecture.Name).ToArray());

    [TestMethod]
    [DataRow("llama", "llama.expert_count", "int 0")]
    [DataRow("llama", "llama.expert_count", "int -1")]
    [DataRow("llama", "llama.rope.scaling.factor", "float 0")]
    [DataRow("llama", "llama.expert_feed_forward_length", "int 0")]
    [DataRow("llama", "llama.nextn_predict_layers", "int 0")]
    [DataRow("llama", "llama.rope.scaling.yarn_beta_fast", "float 7")]
    [DataRow("llama", "llama.rope.scaling.yarn_ext_factor", "float 1")]
    [DataRow("gemma3", "gemma3.final_logit_softcapping", "float 0")]
    [DataRow("qwen3moe", "qwen3moe.expert_group_count", "int 0")]
    [DataRow("qwen3moe", "qwen3moe.expert_shared_feed_forward_length", "int -1")]
    public void WhatIsNotSetOrNotReadChangesNothing(string name, string key, string value)
    {
        using LanguageModel plain = LanguageModel.Open(ModelSpecFile.Make(name));
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name, line => line.Length == 0 ? line : Before(line, "vocab_size", $"{key} {value}\n")));
        CollectionAssert.AreEqual(Logits(plain, 24, 1), Logits(model, 24, 1));
    }

    [TestMethod]
    public void ADecoderMaySeeBothDirections()
    {
        using LanguageModel plain = LanguageModel.Open(ModelSpecFile.Make("llama"));
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", line => Before(line, "vocab_size", "llama.attention.causal bool false\n")));
        float[] causal = Logits(plain, 24, 1), both = Logits(model, 24, 1);
        Assert.AreNotEqual(causal[0], both[0]);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128 });
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, s_tokens);
        context.Forward(batch);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => { context.Forward(batch); }).Code, "a text is one batch");
    }

    [TestMethod]
    public void AnEncoderHasNoLogits()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("bert"));
        Assert.IsFalse(model.HasLogits);
        using Context context = model.CreateContext();
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, s_tokens);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => { context.Forward(batch); }).Code);
    }

    // The line, or what is to stand before it and then the line.
    private static string Before(string line, string key, string text) => line.Contains(key, StringComparison.Ordinal) ? text + line : line;

    private static float[] Logits(LanguageModel model, int batchSize, int threads, Isa? isa = null)
    {
        using Context context = model.CreateContext(new ContextOptions
        {
            ContextSize = 128, BatchSize = batchSize, LogitsRows = batchSize, Threads = threads, Isa = isa, TypeK = KvType.F32, TypeV = KvType.F32,
        });
        return context.AllLogits(TokensFor(model), batchSize);
    }

    private static float[] Vector(LanguageModel model, int threads, Isa? isa = null)
    {
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, Threads = threads, Isa = isa });
        return Vector(model, context, TokensFor(model));
    }

    private static float[] Vector(LanguageModel model, Context context, int[] tokens) =>
        model.Ranks ? context.Rank(tokens) : context.Embed(tokens, normalize: false);

    private static int[] TokensFor(LanguageModel model) => Array.ConvertAll(s_tokens, token => token % model.VocabSize);

    private static string Line(string name, float[] logits)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(logits)));
        string[] some = [.. ((int[])[0, logits.Length / 2, logits.Length - 1]).Select(i => logits[i].ToString("G6", CultureInfo.InvariantCulture))];
        return $"{name}\t{hash[..32]}\t{string.Join('\t', some)}";
    }
}
