using System.Runtime.InteropServices;
using Edge.Llm.Models;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>However many layers run on a device, the logits are the CPU's, bit for bit.</summary>
[TestClass]
public sealed class SplitTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 90).Select(i => 3 + (i * 37 % 120))];

    [TestMethod]
    [DataRow(GgmlType.F32, GgmlType.F32)]
    [DataRow(GgmlType.F16, GgmlType.F16)]
    [DataRow(GgmlType.Q4_K, GgmlType.Q6_K)]
    [DataRow(GgmlType.Q8_0, GgmlType.Q4_K)]
    public void EverySplitGivesTheCpusBits(GgmlType type, GgmlType downType)
    {
        using var file = new TinyModel(type, downType, biases: type == GgmlType.Q8_0);
        float[] expected = Logits(file.File, null, new ContextOptions { ContextSize = 128 }, 90);
        for (int layers = 1; layers <= TinyModel.Layers + 1; layers++)
            foreach (bool kqv in (bool[])[true, false])
                foreach (int batch in (int[])[90, 7, 1])
                    foreach (KvType cache in (KvType[])[KvType.F16, KvType.F32])
                    {
                        if (cache == KvType.F32 && batch != 7) continue;
                        float[] cpu = cache == KvType.F16 ? expected : Logits(file.File, null, new ContextOptions { ContextSize = 128, TypeK = cache, TypeV = cache }, 90);
                        float[] device = Logits(file.File, ReferencePlugin.Layers(layers) with { Kqv = kqv }, new ContextOptions { ContextSize = 128, TypeK = cache, TypeV = cache }, batch);
                        AssertSame(cpu, device, $"{layers} layers, kqv {kqv}, batches of {batch}, {cache}");
                    }
    }

    [TestMethod]
    public void LayersOnTwoDevicesGiveTheCpusBits()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        float[] expected = Logits(file.File, null, new ContextOptions { ContextSize = 128 }, 90);
        using IDisposable devices = ReferencePlugin.Fault("devices=3");
        foreach (double[] split in (double[][])[[1, 1], [2, 1], [0, 1], [1, 0]])
        {
            OffloadReport? report = null;
            OffloadOptions wish = ReferencePlugin.Layers(-1) with { Devices = [2, 0], Split = split, Report = made => report = made };
            AssertSame(expected, Logits(file.File, wish, new ContextOptions { ContextSize = 128 }, 13), string.Join('/', split));
            Assert.AreEqual(TinyModel.Layers + 1, report!.Layers);
            Assert.AreEqual(split.Contains(0) ? 1 : 2, report.Stages.Count);
        }
    }

    /// <summary>Of every architecture the layers that the interface can describe run on the plug-in; some have none.</summary>
    [TestMethod]
    public void EveryArchitectureGivesTheCpusBits()
    {
        int offloaded = 0;
        foreach (string name in ModelSpecFile.Names)
        {
            byte[] bytes = ModelSpecFile.Make(name);
            using LanguageModel cpu = LanguageModel.Open(bytes);
            if (!cpu.HasLogits || cpu.Spec.BothDirections) continue;
            int[] tokens = [.. s_tokens.Take(21).Select(token => token % cpu.VocabSize)];
            using Context own = cpu.CreateContext(new ContextOptions { ContextSize = 64, BatchSize = 16, LogitsRows = 16 });
            float[] expected = own.AllLogits(tokens, 16);
            foreach (bool kqv in (bool[])[true, false])
            {
                using LanguageModel model = LanguageModel.Open(bytes, new ModelOptions { Offload = ReferencePlugin.Layers(-1) with { Kqv = kqv } });
                using Context context = model.CreateContext(new ContextOptions { ContextSize = 64, BatchSize = 16, LogitsRows = 16 });
                AssertSame(expected, context.AllLogits(tokens, 16), $"{name}: {string.Join("; ", context.Offload.Lines())}");
                if (context.Offload.Stages.Any(stage => stage.Layers > 0)) offloaded++;
            }
        }
        Assert.IsGreaterThanOrEqualTo(60, offloaded); // two for each architecture
    }

    /// <summary>A device finds no number where a window has passed over a block.</summary>
    [TestMethod]
    public void BlocksBehindAWindowAreNotNeeded()
    {
        int windows = 0;
        foreach (string name in ModelSpecFile.Names)
        {
            byte[] bytes = ModelSpecFile.Make(name);
            using LanguageModel cpu = LanguageModel.Open(bytes);
            if (!cpu.HasLogits || cpu.Spec.BothDirections || !cpu.Spec.Layers.Any(layer => layer.Mixer is AttentionSpec { Config: { Chunked: false, Window: <= 64 } })) continue;
            int[] tokens = [.. Enumerable.Range(0, 200).Select(i => 3 + (i * 37 % (cpu.VocabSize - 3)))];
            var options = new ContextOptions { ContextSize = 256, BatchSize = 16, LogitsRows = 16 };
            using LanguageModel model = LanguageModel.Open(bytes, new ModelOptions { Offload = ReferencePlugin.Layers(-1) });
            using Context own = cpu.CreateContext(options), device = model.CreateContext(options);
            AssertSame(own.AllLogits(tokens, 16), device.AllLogits(tokens, 16), name);
            if (device.Offload.Stages.Any(stage => stage.Layers > 1)) windows++;
        }
        Assert.IsGreaterThanOrEqualTo(3, windows);
    }

    [TestMethod]
    public void VectorsOfTextsAreTheCpus()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        using LanguageModel cpu = LanguageModel.Open(file.File);
        using Context own = cpu.CreateContext(new ContextOptions { ContextSize = 128, BatchSize = 32 });
        float[] expected = own.Embed(s_tokens);
        for (int layers = 1; layers <= TinyModel.Layers + 1; layers++)
        {
            using LanguageModel model = LanguageModel.Open(file.File, new ModelOptions { Offload = ReferencePlugin.Layers(layers) });
            using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, BatchSize = 32 });
            AssertSame(expected, context.Embed(s_tokens), $"{layers} layers");
        }
    }

    private static float[] Logits(string file, OffloadOptions? offload, ContextOptions options, int batch)
    {
        using LanguageModel model = LanguageModel.Open(file, new ModelOptions { Offload = offload });
        using Context context = model.CreateContext(options with { LogitsRows = batch });
        return context.AllLogits(s_tokens, batch);
    }

    private static void AssertSame(float[] expected, float[] actual, string what) =>
        Assert.IsTrue(MemoryMarshal.AsBytes(expected.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(actual.AsSpan())), what);
}
