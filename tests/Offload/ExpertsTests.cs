using System.Runtime.InteropServices;
using Edge.Llm.Models;
using Edge.Llm.Offload;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>Mixtures of experts on a device: the logits are the CPU's, bit for bit, whatever of them is there.</summary>
[TestClass]
public sealed class ExpertsTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 45).Select(i => 3 + (i * 37 % 120))];
    private static readonly ContextOptions s_options = new() { ContextSize = 64 };

    [TestMethod]
    [DataRow("qwen3moe", GgmlType.F32)]
    [DataRow("qwen3moe", GgmlType.Q4_K)]
    [DataRow("qwen2moe", GgmlType.Q6_K)]
    [DataRow("glm4moe", GgmlType.Q8_0)]
    [DataRow("gpt-oss", GgmlType.F16)]
    public void EverySplitOfAMixtureGivesTheCpusBits(string architecture, GgmlType type)
    {
        using var file = new TinyMixture(architecture, type, type);
        float[] expected = Logits(file, null, 45, out _);
        for (int layers = 1; layers <= TinyMixture.Layers + 1; layers++)
            foreach (int batch in (int[])[45, 7, 1])
            {
                if (batch == 1 && layers != TinyMixture.Layers + 1) continue;
                AssertSame(expected, Logits(file, ReferencePlugin.Layers(layers), batch, out OffloadReport report), $"{layers} layers, batches of {batch}");
                Assert.AreEqual(layers, report.Layers);
                Assert.AreEqual(0, report.Stages.Sum(stage => stage.HostNetworks));
            }
    }

    [TestMethod]
    public void ExpertsThatAPlugInDoesNotTakeStayTheCpus()
    {
        using var file = new TinyMixture("glm4moe", GgmlType.Q8_0, GgmlType.Q5_K);
        float[] expected = Logits(file, null, 45, out _);
        for (int layers = 1; layers <= TinyMixture.Layers + 1; layers++)
        {
            AssertSame(expected, Logits(file, ReferencePlugin.Layers(layers), 7, out OffloadReport report), $"{layers} layers");
            Assert.AreEqual(layers, report.Layers);
            Assert.AreEqual(Math.Min(layers - 1, 2), report.Stages.Sum(stage => stage.HostNetworks)); // the first layer is dense
            if (layers > 1) Assert.Contains("type 13: expected F32, F16, Q8_0, Q4_K or Q6_K", string.Join('\n', report.Lines()));
        }
    }

    /// <summary>The experts of the first layers stay the CPU's, then all of them; only then are there fewer layers.</summary>
    [TestMethod]
    public void WhereMemoryIsShortExpertsStayFirst()
    {
        using var file = new TinyMixture("qwen3moe", GgmlType.Q4_K, GgmlType.Q4_K);
        float[] expected = Logits(file, null, 45, out _);
        Logits(file, ReferencePlugin.Layers(-1), 7, out OffloadReport all);
        Assert.AreEqual(TinyMixture.Layers + 1, all.Layers);
        int last = 0, least = all.Layers;
        var seen = new HashSet<int>();
        for (double share = 1; share > 0.1; share -= 0.1)
        {
            using IDisposable fault = ReferencePlugin.Fault($"memory-bytes={(long)(all.Stages[0].Bytes * share)}");
            AssertSame(expected, Logits(file, ReferencePlugin.Layers(-1), 7, out OffloadReport some), $"{share:0.0} of the memory");
            int host = some.Stages.Sum(stage => stage.HostNetworks);
            seen.Add(host);
            Assert.IsLessThanOrEqualTo(least, some.Layers);
            if (some.Layers == all.Layers) Assert.IsGreaterThanOrEqualTo(last, host);
            else Assert.AreEqual(some.Stages.Sum(stage => stage.Layers), host);
            (last, least) = (host, some.Layers);
        }
        Assert.Contains(1, seen);
        Assert.Contains(3, seen);
        Assert.IsLessThan(all.Layers, least);
    }

    /// <summary>Mixtures of which whole layers go to a device. The others have more than the interface can say, or other attention.</summary>
    [TestMethod]
    public void WholeLayersOfMostMixturesGo()
    {
        var whole = new List<string>();
        foreach (string name in ModelSpecFile.Names)
        {
            using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name), new ModelOptions { Offload = ReferencePlugin.Layers(-1) });
            if (!model.HasLogits || !model.Spec.Layers.Any(layer => layer.Ffn is ExpertsSpec)) continue;
            using Context context = model.CreateContext(new ContextOptions { ContextSize = 64, BatchSize = 16 });
            if (context.Offload.Stages.Any(stage => stage.Layers == model.Spec.Layers.Length && stage.HostNetworks == 0)) whole.Add(name);
        }
        const string Expected = "bailingmoe bailingmoe2 cohere2moe deepseek deepseek2-ocr dots1 ernie4.5-moe exaone-moe glm4moe gpt-oss granitemoe "
            + "granitemoe-shared llama-moe mellum mimo2 minimax-m2 olmoe phimoe qwen2moe qwen3moe qwen3vlmoe";
        Assert.AreEqual(Expected, string.Join(' ', whole));
    }

    /// <summary>By it devices know which weights they have already: where one file was open, another one may lie now.</summary>
    [TestMethod]
    public unsafe void EachOpenFileHasANumberOfItsOwn()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        var numbers = new List<ulong>();
        for (int i = 0; i < 2; i++)
        {
            using LanguageModel model = LanguageModel.Open(file.File);
            for (int j = 0; j < 2; j++)
            {
                using var stage = new StageDescription(
                    model.Spec, model.Spec.CacheLayout(s_options.CacheSize), s_options, j, 2, true, new HostParts[TinyModel.Layers], exact: true);
                numbers.Add(stage.Desc->Model);
            }
        }
        Assert.AreEqual((numbers[0], numbers[2]), (numbers[1], numbers[3]));
        Assert.AreNotEqual(numbers[0], numbers[2]);
        Assert.AreNotEqual(0UL, numbers[0]);
    }

    private static float[] Logits(TinyMixture file, OffloadOptions? offload, int batch, out OffloadReport report)
    {
        using LanguageModel model = LanguageModel.Open(file.File, new ModelOptions { Offload = offload });
        using Context context = model.CreateContext(s_options with { LogitsRows = batch });
        report = context.Offload;
        return context.AllLogits(s_tokens, batch);
    }

    private static void AssertSame(float[] expected, float[] actual, string what) =>
        Assert.IsTrue(MemoryMarshal.AsBytes(expected.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(actual.AsSpan())), what);
}
