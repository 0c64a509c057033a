using Edge.Llm.Models;
using Edge.Llm.Offload;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>Which layers go to which device, and what is said of those that do not.</summary>
[TestClass]
[DoNotParallelize]
public sealed class PlanTests
{
    private static readonly ContextOptions s_options = new() { ContextSize = 128 };
    private static TinyModel s_file = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context) => s_file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "{{ messages }}");

    [ClassCleanup]
    public static void DeleteModel() => s_file.Dispose();

    [TestMethod]
    [DataRow(-1, TinyModel.Layers)]
    [DataRow(1, 1)]
    [DataRow(2, 2)]
    [DataRow(3, 2)]
    public void LayersGoWhereOnlyTheOutputMatrixIsRefused(int wished, int expected)
    {
        using IDisposable fault = ReferencePlugin.Fault("output");
        using LanguageModel model = Open(ReferencePlugin.Layers(wished));
        using Context context = model.CreateContext(s_options);
        OffloadedStage stage = context.Offload.Stages.Single();
        Assert.AreEqual((expected, false), (stage.Layers, stage.HasOutput));
        StringAssert.Contains(context.Offload.Note, "does not say why");
        context.Evaluate(context.NewSequence(), [3, 4, 5], 2);
    }

    [TestMethod]
    public void LayersGoWhereTheOutputMatrixIsTooLarge()
    {
        byte[] large = ModelSpecFile.Make("llama", line => line.Replace("64,300", "64,20000", StringComparison.Ordinal)
            .Replace("vocab_size int 300", "vocab_size int 20000", StringComparison.Ordinal));
        using LanguageModel output = LanguageModel.Open(large, new ModelOptions { Offload = ReferencePlugin.Layers(1) });
        long most = output.PlanOffload(s_options).Stages.Single().Bytes;
        using LanguageModel model = LanguageModel.Open(large, new ModelOptions { Offload = ReferencePlugin.Layers(-1) });
        using IDisposable fault = ReferencePlugin.Fault($"memory-bytes={most}");
        OffloadedStage stage = model.PlanOffload(s_options).Stages.Single();
        Assert.IsFalse(stage.HasOutput);
        Assert.IsGreaterThan(0, stage.Layers);
    }

    [TestMethod]
    public void LayersByNumberThatDoNotFitInTheEndAreRefused()
    {
        using IDisposable fault = ReferencePlugin.Fault("memory");
        using LanguageModel model = Open(ReferencePlugin.Layers(2));
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => model.CreateContext(s_options));
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        StringAssert.Contains(error.Message, "do not fit");
    }

    [TestMethod]
    public void AReportThatThrowsLeavesNothingOnTheDevice()
    {
        using IDisposable fault = ReferencePlugin.Fault("memory-bytes=1000000000");
        using LanguageModel model = Open(ReferencePlugin.Layers(-1) with { Report = _ => throw new NotSupportedException() });
        Assert.ThrowsExactly<NotSupportedException>(() => model.CreateContext(s_options));
        Assert.AreEqual(1_000_000_000, OffloadPlugins.Devices(ReferencePlugin.Path)[0].FreeBytes);
    }

    [TestMethod]
    public void ABrokenDeviceHidesNoOther()
    {
        using (ReferencePlugin.Fault("devices=3,device=0"))
        {
            IReadOnlyList<OffloadDevice> devices = OffloadPlugins.Devices(ReferencePlugin.Path);
            Assert.HasCount(3, devices);
            StringAssert.Contains(devices[0].Error, "fault device");
            Assert.IsNull(devices[2].Error);
            using LanguageModel model = Open(ReferencePlugin.Layers(-1)), named = Open(ReferencePlugin.Layers(-1) with { Devices = [0] });
            Assert.AreEqual(1, model.PlanOffload(s_options).Stages.Single().Device.Number);
            AssertFails(ErrorCode.PluginError, "fault device", () => named.PlanOffload(s_options));
        }
        using (ReferencePlugin.Fault("device=0"))
        {
            using LanguageModel all = Open(ReferencePlugin.Layers(-1)), some = Open(ReferencePlugin.Layers(1));
            StringAssert.Contains(all.PlanOffload(s_options).Note, "fault device");
            AssertFails(ErrorCode.Unsupported, "fault device", () => some.PlanOffload(s_options));
        }
    }

    [TestMethod]
    public void AutoTakesAGpuAndRefusesANumberThatItDoesNotHave()
    {
        Environment.SetEnvironmentVariable(OffloadPlugins.Variable, ReferencePlugin.Path);
        try
        {
            using LanguageModel any = Open(new OffloadOptions());
            StringAssert.Contains(any.PlanOffload(s_options).Note, "no GPU");
            using IDisposable fault = ReferencePlugin.Fault("gpu,devices=3,device=0");
            Assert.AreEqual(1, any.PlanOffload(s_options).Stages.Single().Device.Number);
            using LanguageModel wrong = Open(new OffloadOptions { Devices = [2, 3] });
            AssertFails(ErrorCode.InvalidArgument, "device 3: reference has 3", () => wrong.PlanOffload(s_options));
        }
        finally
        {
            Environment.SetEnvironmentVariable(OffloadPlugins.Variable, null);
        }
    }

    [TestMethod]
    public void ADeviceThatDoesNotSayItsMemoryGetsAnEqualShare()
    {
        using LanguageModel model = Open(ReferencePlugin.Layers(TinyModel.Layers) with { Devices = [0, 1] });
        foreach (string fault in (string[])["devices=2", "devices=2,memory-bytes=1000000000,silent=0", "devices=2,memory-bytes=1000000000,silent=1"])
        {
            using IDisposable set = ReferencePlugin.Fault(fault);
            CollectionAssert.AreEqual(new[] { 0, 1 }, model.PlanOffload(s_options).Stages.Select(stage => stage.Device.Number).ToArray(), fault);
        }
    }

    [TestMethod]
    public void ANoteIsSaidOnce()
    {
        using LanguageModel model = Open(ReferencePlugin.Layers(-1));
        using IDisposable fault = ReferencePlugin.Fault("memory-bytes=1000");
        string note = model.PlanOffload(s_options).Note!;
        Assert.AreEqual(note.IndexOf("as many", StringComparison.Ordinal), note.LastIndexOf("as many", StringComparison.Ordinal), note);
    }

    /// <summary>The interface says 0 where it means 1.</summary>
    [TestMethod]
    public void AFactorOfZeroStaysOnTheCpu()
    {
        using LanguageModel model = LanguageModel.Open(s_file.File);
        ModelSpec spec = model.Spec;
        ContextOptions options = s_options with { LogitsRows = 1, Threads = 1 };
        LayerSpec last = spec.Layers[^1];
        var attention = (AttentionSpec)last.Mixer!;
        LayerSpec scaled = last with { Mixer = attention with { Q = attention.Q with { Scale = 0 } } };
        OffloadPlan Of(ModelSpec changed) => new(changed, options, ReferencePlugin.Layers(-1), []);
        OffloadPlan sums = Of(spec with { Layers = [.. spec.Layers[..^1], last with { ResidualScale = 0 }] });
        OffloadPlan product = Of(spec with { Layers = [.. spec.Layers[..^1], scaled] }), output = Of(spec with { Output = spec.Output with { Scale = 0 } });
        Assert.AreEqual((1, 1, TinyModel.Layers), (sums.Layers, product.Layers, output.Layers));
        StringAssert.Contains(product.Report.Note, $"layer {TinyModel.Layers - 1}: a product has the factor 0");
        StringAssert.Contains(output.Report.Note, "the output matrix: a product has the factor 0");
    }

    [TestMethod]
    public void WhatTheLoaderSaysOfALibraryIsToldOn()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "this is no library");
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => OffloadPlugins.Devices(path));
            Assert.AreEqual(ErrorCode.PluginError, error.Code);
            if (OperatingSystem.IsLinux()) StringAssert.Contains(error.Message, "too short");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestMethod]
    public void AModelThatDraftsIsPlannedBehindTheOther()
    {
        using LanguageModel model = Open(ReferencePlugin.Layers(-1)), draft = Open(ReferencePlugin.Layers(-1)), cpu = LanguageModel.Open(s_file.File);
        OffloadReport both = model.PlanOffload(s_options, draft);
        CollectionAssert.AreEqual(new[] { false, true }, both.Stages.Select(stage => stage.IsDraft).ToArray());
        StringAssert.Contains(both.Lines().Last(), "of the draft model");
        Assert.HasCount(1, model.PlanOffload(s_options, cpu).Stages);
        using IDisposable fault = ReferencePlugin.Fault($"memory-bytes={both.Stages[0].Bytes * 3 / 2}");
        OffloadReport less = model.PlanOffload(s_options, draft);
        Assert.AreEqual(TinyModel.Layers + 1, less.Stages.Where(stage => !stage.IsDraft).Sum(stage => stage.Layers + (stage.HasOutput ? 1 : 0)));
        Assert.IsLessThan(2 * (TinyModel.Layers + 1), less.Layers);
        StringAssert.Contains(less.Note, "the draft model: as many as fit");
        using Context context = model.CreateContext(s_options, draft), own = cpu.CreateContext(s_options);
        CollectionAssert.AreEqual(Generate(own), Generate(context));
    }

    /// <summary>What a context needs here is known before it is made, with parts of a layer that stay here.</summary>
    [TestMethod]
    [DataRow("llama")]
    [DataRow("qwen3moe")]
    [DataRow("phi3")]
    public void TheMemoryOfTheHostsPartsIsMeasured(string name)
    {
        byte[] bytes = ModelSpecFile.Make(name);
        foreach (int layers in (int[])[-1, 1, 2])
            foreach (bool kqv in (bool[])[true, false])
            {
                OffloadOptions wish = ReferencePlugin.Layers(layers) with { Kqv = kqv };
                using LanguageModel model = LanguageModel.Open(bytes, new ModelOptions { Offload = wish });
                using Context context = model.CreateContext(s_options);
                var plan = new OffloadPlan(model.Spec, context.Options, wish, []);
                Assert.IsNotNull(plan.Measured);
                Assert.AreEqual(context.ActivationBytes, ModelRunner.Measure(model.Spec, context.Options, default, plan.Measured));
            }
    }

    private static LanguageModel Open(OffloadOptions offload) => LanguageModel.Open(s_file.File, new ModelOptions { Offload = offload });

    private static int[] Generate(Context context)
    {
        var options = new GenerateOptions { MaxTokens = 8, IgnoreEos = true, Sampling = new SamplingOptions { Temperature = 0 } };
        using Generation generation = context.Generate([3, 4, 5], options);
        return [.. generation.Select(token => token.Token)];
    }

    private static void AssertFails(ErrorCode code, string message, Action action)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(code, error.Code, error.Message);
        StringAssert.Contains(error.Message, message);
    }
}
