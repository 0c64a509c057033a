using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>A plug-in that fails costs its requests an error, and never the process.</summary>
[TestClass]
[DoNotParallelize]
public sealed class FaultTests
{
    private static readonly int[] s_prompt = [.. Enumerable.Range(3, 40)];
    private static TinyModel s_file = null!;
    private static int[] s_expected = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context)
    {
        s_file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "{{ messages }}");
        using LanguageModel model = LanguageModel.Open(s_file.File);
        using Context own = model.CreateContext(new ContextOptions { ContextSize = 128 });
        s_expected = Generate(own);
    }

    [ClassCleanup]
    public static void DeleteModel() => s_file.Dispose();

    [TestMethod]
    [DataRow("forward@2", ErrorCode.OutOfMemory)]
    [DataRow("nan@2", ErrorCode.NonFinite)]
    public void AFailedPassEndsItsRequestAndTheNextOneWorks(string fault, ErrorCode expected)
    {
        using LanguageModel model = Open(-1);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128 });
        using (ReferencePlugin.Fault(fault))
            Assert.AreEqual(expected, Assert.ThrowsExactly<EdgeLlmException>(() => Generate(context)).Code);
        CollectionAssert.AreEqual(s_expected, Generate(context));
        Assert.AreEqual(0, context.DeviceLosses);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    public void TheLayersOfALostDeviceGoOnOnTheCpu(int layers)
    {
        using LanguageModel model = Open(layers);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, MaxSequences = 3 });
        using Sequence held = context.NewSequence(), reserved = context.NewSequence();
        context.Evaluate(held, s_prompt, s_prompt.Length);
        using (ReferencePlugin.Fault("lost"))
        {
            Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(() => context.Evaluate(reserved, s_prompt, s_prompt.Length - 1)).Code);
            Assert.AreEqual(0, reserved.Length);
        }
        CollectionAssert.AreEqual(s_expected, Generate(context));
        Assert.AreEqual(1, context.DeviceLosses);

        // What was on the device must be computed again; nothing goes on from it.
        Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(() => context.Evaluate(held, [5], 0)).Code);
        Assert.AreEqual(0, held.Trim(0));
        context.Evaluate(held, s_prompt, s_prompt.Length);
        context.Evaluate(reserved, s_prompt, s_prompt.Length);
        using Generation own = context.Generate(s_prompt, Options, held);
        CollectionAssert.AreEqual(s_expected, own.Select(token => token.Token).ToArray());
    }

    [TestMethod]
    public void RequestsUnderWayEndWithAnErrorAndLaterOnesAreAnswered()
    {
        using LanguageModel model = Open(-1);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, MaxSequences = 4 });
        Generation[] answers = [.. Enumerable.Range(0, 3).Select(_ => context.Generate(s_prompt, Options))];
        foreach (Generation answer in answers) Assert.IsTrue(answer.MoveNext());
        using (ReferencePlugin.Fault("lost"))
            foreach (Generation answer in answers)
                Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(() =>
                {
                    while (answer.MoveNext())
                    {
                    }
                }).Code);
        foreach (Generation answer in answers) answer.Dispose();
        CollectionAssert.AreEqual(s_expected, Generate(context));
    }

    [TestMethod]
    [DataRow("block-copy")]
    [DataRow("block-read")]
    [DataRow("block-write")]
    public void ABlockThatCannotBeMovedIsAnError(string fault)
    {
        using LanguageModel model = Open(-1);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128, MaxSequences = 3 });
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, s_prompt, s_prompt.Length);
        using var saved = new MemoryStream();
        context.Save(sequence, saved);
        using Sequence fork = sequence.Fork();
        using (ReferencePlugin.Fault(fault))
        {
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() =>
            {
                if (fault == "block-copy") context.Evaluate(fork, [5], 0);
                else if (fault == "block-read") context.Save(sequence, new MemoryStream());
                else context.Load(fork, new MemoryStream(saved.ToArray()));
            });
            StringAssert.Contains(error.Message, "reference");
        }
        using var again = new MemoryStream();
        context.Save(sequence, again);
        CollectionAssert.AreEqual(saved.ToArray(), again.ToArray());
        fork.Trim(0);
        context.Load(fork, new MemoryStream(saved.ToArray()));
        CollectionAssert.AreEqual(s_expected, Generate(context));
    }

    [TestMethod]
    public void ADeviceThatLiesAboutItsMemoryGetsNoLayers()
    {
        using IDisposable fault = ReferencePlugin.Fault("memory");
        OffloadReport? report = null;
        using LanguageModel model = LanguageModel.Open(s_file.File, new ModelOptions { Offload = ReferencePlugin.Layers(-1) with { Report = made => report = made } });
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 128 });
        Assert.AreEqual(0, report!.Layers);
        StringAssert.Contains(report.Note, "do not fit");
        CollectionAssert.AreEqual(s_expected, Generate(context));
    }

    [TestMethod]
    public void AsManyLayersAsFitAreTaken()
    {
        OffloadReport all = Planned("devices=1");
        int before = TinyModel.Layers + 1;
        Assert.AreEqual(before, all.Layers);
        foreach (double share in (double[])[1.2, 0.9, 0.6, 0.3, 0.01])
        {
            OffloadReport some = Planned($"memory-bytes={(long)(all.Stages[0].Bytes * share)}");
            Assert.IsLessThanOrEqualTo(before, some.Layers);
            Assert.AreEqual(share > 1, some.Note is null, some.Note);
            before = some.Layers;
        }
        Assert.AreEqual(0, before);
    }

    [TestMethod]
    [DataRow("count")]
    [DataRow("plan")]
    [DataRow("create")]
    public void APlugInThatFailsBeforeTheFirstPassIsAnError(string fault)
    {
        using IDisposable set = ReferencePlugin.Fault(fault);
        using LanguageModel model = Open(-1);
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => model.CreateContext(new ContextOptions { ContextSize = 128 }));
        Assert.AreEqual(ErrorCode.PluginError, error.Code, error.Message);
    }

    [TestMethod]
    public void ADeviceThatIsNotExactIsTakenOnlyWhenThatIsAllowed()
    {
        using IDisposable fault = ReferencePlugin.Fault("exact");
        using LanguageModel strict = Open(2), any = LanguageModel.Open(s_file.File, new ModelOptions { Offload = ReferencePlugin.Layers(2) with { Exact = false } });
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => strict.CreateContext(new ContextOptions { ContextSize = 128 }));
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        using Context context = any.CreateContext(new ContextOptions { ContextSize = 128 });
        Assert.IsFalse(context.Offload.Stages[0].IsExact);
        CollectionAssert.AreEqual(s_expected, Generate(context));
    }

    [TestMethod]
    public void LayersByNumberWithoutAPlugInAreRefused()
    {
        using LanguageModel some = LanguageModel.Open(s_file.File, new ModelOptions { Offload = new OffloadOptions { Layers = 3 } });
        Assert.AreEqual(ErrorCode.Unsupported, Assert.ThrowsExactly<EdgeLlmException>(() => some.CreateContext()).Code);
        using LanguageModel all = LanguageModel.Open(s_file.File, new ModelOptions { Offload = new OffloadOptions() });
        using Context context = all.CreateContext(new ContextOptions { ContextSize = 128 });
        Assert.AreEqual(0, context.Offload.Layers);
        Assert.IsNotNull(context.Offload.Note);
        using LanguageModel wrong = LanguageModel.Open(s_file.File, new ModelOptions { Offload = new OffloadOptions { Plugin = s_file.File } });
        Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(() => wrong.CreateContext()).Code);
    }

    private static GenerateOptions Options => new() { MaxTokens = 12, IgnoreEos = true, Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 3 } };

    private static LanguageModel Open(int layers) => LanguageModel.Open(s_file.File, new ModelOptions { Offload = ReferencePlugin.Layers(layers) });

    private static OffloadReport Planned(string fault)
    {
        using IDisposable set = ReferencePlugin.Fault(fault);
        using LanguageModel model = Open(-1);
        return model.PlanOffload(new ContextOptions { ContextSize = 128 });
    }

    private static int[] Generate(Context context)
    {
        using Generation generation = context.Generate(s_prompt, Options);
        return [.. generation.Select(token => token.Token)];
    }
}
