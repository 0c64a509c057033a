using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>A device that is lost costs the requests that were under way, and nothing that comes later.</summary>
[TestClass]
[DoNotParallelize]
public sealed class LossTests
{
    private static readonly int[] s_prompt = [.. Enumerable.Range(0, 130).Select(i => 3 + (i * 53 % 120))]; // two full blocks and a part of one
    private static readonly ContextOptions s_options = new() { ContextSize = 256, MaxSequences = 6 };
    private static TinyModel s_file = null!;
    private static int[] s_expected = null!;
    private static float[] s_logits = null!; // behind the prompt
    private static byte[] s_saved = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context)
    {
        s_file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "{{ messages }}");
        using LanguageModel model = LanguageModel.Open(s_file.File);
        using Context cpu = model.CreateContext(s_options);
        s_expected = Generate(cpu);
        using Sequence sequence = cpu.NewSequence();
        s_logits = Last(cpu, sequence, s_prompt);
        using var saved = new MemoryStream();
        cpu.Save(sequence, saved);
        s_saved = saved.ToArray();
    }

    [ClassCleanup]
    public static void DeleteModel() => s_file.Dispose();

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    public void JustTheRequestsUnderWayEnd(int layers)
    {
        using LanguageModel model = Open(layers);
        using Context context = model.CreateContext(s_options);
        using Sequence own = context.NewSequence(), other = context.NewSequence();
        CollectionAssert.AreEqual(s_expected, Generate(context, own)); // its blocks can be found, and the sequence holds the text
        CollectionAssert.AreEqual(s_expected, Generate(context, other));
        Generation[] underWay = [context.Generate(s_prompt, Options), context.Generate(s_prompt, Options)];
        foreach (Generation generation in underWay) Assert.IsTrue(generation.MoveNext());
        using Generation waiting = context.Generate(s_prompt, Options, other); // its sequence holds the text as well
        using (ReferencePlugin.Fault("lost"))
        using (Sequence bare = context.NewSequence())
            Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(() => context.Evaluate(bare, s_prompt, s_prompt.Length - 1)).Code);

        using Generation next = context.Generate(s_prompt, Options, own);
        CollectionAssert.AreEqual(s_expected, next.Select(token => token.Token).ToArray());
        CollectionAssert.AreEqual(s_expected, waiting.Select(token => token.Token).ToArray());
        CollectionAssert.AreEqual(s_expected, Generate(context));
        foreach (Generation generation in underWay)
        {
            Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(() => generation.Count()).Code);
            generation.Dispose();
        }
        Assert.AreEqual(1, context.DeviceLosses);
    }

    [TestMethod]
    public void ATextThatIsComputedBareGoesOnInANewSequence()
    {
        using LanguageModel model = Open(-1);
        using Context context = model.CreateContext(s_options);
        using Sequence held = context.NewSequence(), fresh = context.NewSequence();
        CollectionAssert.AreEqual(s_logits, Last(context, held, s_prompt));
        using (ReferencePlugin.Fault("lost")) Fails(() => context.Evaluate(held, [5], 0));
        using Sequence fork = held.Fork();
        CollectionAssert.AreEqual(s_logits, Last(context, fresh, s_prompt));
        foreach (Sequence lost in (Sequence[])[held, fork])
        {
            Fails(() => context.Evaluate(lost, [5], 0)); // nothing goes on from what is lost
            Fails(() => context.Save(lost, new MemoryStream()));
            Assert.AreEqual(0, lost.Trim(0));
            CollectionAssert.AreEqual(s_logits, Last(context, lost, s_prompt));
        }
    }

    [TestMethod]
    public void ASavedTextIsLoadedWhereADeviceWasLost()
    {
        using LanguageModel model = Open(-1);
        using Context context = model.CreateContext(s_options);
        using Sequence sequence = context.NewSequence();
        using (ReferencePlugin.Fault("lost")) Fails(() => context.Evaluate(sequence, [5], 0));
        sequence.Trim(0);
        context.Load(sequence, new MemoryStream(s_saved));
        Assert.AreEqual(1, context.DeviceLosses);
        using var saved = new MemoryStream();
        context.Save(sequence, saved);
        CollectionAssert.AreEqual(s_saved, saved.ToArray());
    }

    [TestMethod]
    public void ALossIsAlsoSeenWhereABlockIsRead()
    {
        using LanguageModel model = Open(-1);
        using Context context = model.CreateContext(s_options);
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, s_prompt, s_prompt.Length);
        using (ReferencePlugin.Fault("lost-call")) Fails(() => context.Save(sequence, new MemoryStream()));
        CollectionAssert.AreEqual(s_expected, Generate(context, sequence));
    }

    [TestMethod]
    public void TextsOnDiskServeTheCpuAfterALoss()
    {
        string folder = Directory.CreateTempSubdirectory("edge-llm-loss").FullName;
        try
        {
            ContextOptions options = s_options with { PromptCache = folder };
            int[][] texts = [s_prompt, [.. s_prompt.Reverse()]];
            using LanguageModel cpu = LanguageModel.Open(s_file.File), model = Open(-1);
            using Context first = cpu.CreateContext(options), context = model.CreateContext(options);
            int[][] expected = [.. texts.Select(text => Generate(first, text, out _))];
            using Sequence sequence = context.NewSequence();
            using (ReferencePlugin.Fault("lost")) Fails(() => context.Evaluate(sequence, [5], 0));
            for (int i = 0; i < 2; i++)
            {
                CollectionAssert.AreEqual(expected[i], Generate(context, texts[i], out int restored));
                Assert.AreEqual(i * 128, restored); // the first request finds the device lost, the next one the CPU
            }
            Assert.IsNull(context.PromptCacheWarning);
            Assert.AreEqual(1, context.DeviceLosses);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    public void WhoAskedForTheLayersIsToldOnce()
    {
        var told = new List<string>();
        using LanguageModel model = LanguageModel.Open(s_file.File, new ModelOptions
        {
            Offload = ReferencePlugin.Layers(-1) with
            {
                Lost = line =>
                {
                    told.Add(line);
                    throw new InvalidOperationException("a log that fails");
                },
            },
        });
        using Context context = model.CreateContext(s_options);
        using (ReferencePlugin.Fault("lost")) Fails(() => Generate(context));
        for (int i = 0; i < 2; i++) CollectionAssert.AreEqual(s_expected, Generate(context));
        Assert.HasCount(1, told);
        StringAssert.Contains(told[0], "reference: EDGE_LLM_REFERENCE_FAULT asks for the fault lost");
        StringAssert.Contains(told[0], "on the CPU");
    }

    /// <summary>The answers stay the same; after a pause drafts come from the CPU.</summary>
    [TestMethod]
    public void ADraftModelThatIsLostCostsNoAnswer()
    {
        GenerateOptions options = Options with { MaxTokens = 1300 };
        ContextOptions longer = s_options with { ContextSize = 1536, Threads = 1 };
        using LanguageModel model = LanguageModel.Open(s_file.File), draft = Open(-1);
        using Context plain = model.CreateContext(longer), drafting = model.CreateContext(longer with { DraftTokens = 2 }, draft);
        using Generation alone = plain.Generate(s_prompt, options), drafted = drafting.Generate(s_prompt, options);
        int[] expected = [.. alone.Select(token => token.Token)];
        var tokens = new List<int>();
        using (ReferencePlugin.Fault("lost@4"))
            while (tokens.Count < 100 && drafted.MoveNext()) tokens.Add(drafted.Current.Token);
        int before = drafted.Statistics.DraftedTokens;
        while (drafted.MoveNext()) tokens.Add(drafted.Current.Token);
        CollectionAssert.AreEqual(expected, tokens);
        Assert.IsGreaterThan(0, before);
        Assert.IsGreaterThan(before, drafted.Statistics.DraftedTokens);
    }

    /// <summary>A plug-in asks for a part that is not the host's, or in a wrong way, or takes no notice of an error: an error, and no more.</summary>
    [TestMethod]
    public void PartsAreAskedForAsTheyAre()
    {
        for (int way = 1; way <= 11; way++)
        {
            using IDisposable fault = ReferencePlugin.Fault($"part={way}");
            using LanguageModel model = LanguageModel.Open(s_file.File, new ModelOptions { Offload = ReferencePlugin.Layers(-1) with { Kqv = false } });
            using Context context = model.CreateContext(s_options);
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => Generate(context), $"way {way}");
            Assert.AreEqual(ErrorCode.PluginError, error.Code, $"way {way}: {error.Message}");
            StringAssert.Contains(error.Message, "a plug-in asks for part", $"way {way}");
            using (ReferencePlugin.Fault("part=0")) CollectionAssert.AreEqual(s_expected, Generate(context), $"way {way}");
        }
    }

    private static GenerateOptions Options => new() { MaxTokens = 12, IgnoreEos = true, Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 3 } };

    private static LanguageModel Open(int layers) => LanguageModel.Open(s_file.File, new ModelOptions { Offload = ReferencePlugin.Layers(layers) });

    private static void Fails(Action work) => Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(work).Code);

    private static int[] Generate(Context context, Sequence? sequence = null)
    {
        using Generation generation = context.Generate(s_prompt, Options, sequence);
        return [.. generation.Select(token => token.Token)];
    }

    private static int[] Generate(Context context, int[] text, out int restored)
    {
        using Generation generation = context.Generate(text, Options);
        int[] tokens = [.. generation.Select(token => token.Token)];
        restored = generation.Statistics.RestoredTokens;
        return tokens;
    }

    private static float[] Last(Context context, Sequence sequence, int[] tokens)
    {
        float[] last = [];
        context.Evaluate(sequence, tokens, tokens.Length - 1, (logits, _) =>
        {
            if (logits.Count > 0) last = logits[0].ToArray();
        });
        return last;
    }
}
