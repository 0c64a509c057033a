using System.Runtime.InteropServices;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>What a device remembers of a text is forked, trimmed, shared, saved and guessed at like any other.</summary>
[TestClass]
public sealed class DeviceCacheTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 200).Select(i => 3 + (i * 53 % 120))];
    private static TinyModel s_file = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context) => s_file = new TinyModel(GgmlType.Q4_K, GgmlType.Q6_K, chatTemplate: "{{ messages }}");

    [ClassCleanup]
    public static void DeleteModel() => s_file.Dispose();

    [TestMethod]
    public void AForkAndATrimmedTextGoOnAlone()
    {
        (float[] Fork, float[] Own, float[] Trimmed) cpu = Branch(0);
        for (int layers = 1; layers <= TinyModel.Layers + 1; layers++)
        {
            (float[] fork, float[] own, float[] trimmed) = Branch(layers);
            CollectionAssert.AreEqual(cpu.Fork, fork);
            CollectionAssert.AreEqual(cpu.Own, own);
            CollectionAssert.AreEqual(cpu.Trimmed, trimmed);
        }
    }

    [TestMethod]
    public void SavedTextsAreTheSameBytesWhereverTheyWereComputed()
    {
        byte[] expected = Save(0, s_tokens);
        for (int layers = 1; layers <= TinyModel.Layers + 1; layers++)
        {
            CollectionAssert.AreEqual(expected, Save(layers, s_tokens), $"{layers} layers");
            float[] next = GoOn(0, Save(layers, s_tokens)), back = GoOn(layers, expected);
            CollectionAssert.AreEqual(next, back, $"{layers} layers");
        }
    }

    [TestMethod]
    public void TextsOnDiskServeCpuAndDevice()
    {
        string folder = Directory.CreateTempSubdirectory("edge-llm-offload").FullName;
        try
        {
            var options = new ContextOptions { ContextSize = 256, PromptCache = folder };
            int[] cpu = Generate(0, options with { PromptCache = null }, out _);
            CollectionAssert.AreEqual(cpu, Generate(2, options, out int first));
            CollectionAssert.AreEqual(cpu, Generate(0, options, out int read));
            CollectionAssert.AreEqual(cpu, Generate(3, options, out int readOnDevice));
            Assert.AreEqual(0, first);
            Assert.AreEqual(192, read);
            Assert.AreEqual(192, readOnDevice);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    public void TextsWithOneBeginningShareItOnTheDevice()
    {
        int[] cpu = Generate(0, new ContextOptions { ContextSize = 256 }, out _);
        using LanguageModel model = Open(TinyModel.Layers + 1);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256, MaxSequences = 4, Lookup = true });
        foreach (int expected in (int[])[0, 192])
        {
            using Generation generation = context.Generate(s_tokens, Options);
            CollectionAssert.AreEqual(cpu, generation.Select(token => token.Token).ToArray());
            Assert.AreEqual(expected, generation.Statistics.ReusedTokens);
        }
        IReadOnlyList<Generation> choices = context.GenerateChoices(s_tokens, 3, Options);
        CollectionAssert.AreEqual(cpu, choices[0].Select(token => token.Token).ToArray());
        foreach (Generation choice in choices) choice.Dispose();
    }

    private static GenerateOptions Options => new() { MaxTokens = 30, IgnoreEos = true, Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 5 } };

    private static LanguageModel Open(int layers) => LanguageModel.Open(s_file.File, new ModelOptions { Offload = layers == 0 ? null : ReferencePlugin.Layers(layers) });

    private static int[] Generate(int layers, ContextOptions options, out int reused)
    {
        using LanguageModel model = Open(layers);
        using Context context = model.CreateContext(options);
        using Generation generation = context.Generate(s_tokens, Options);
        int[] tokens = [.. generation.Select(token => token.Token)];
        reused = generation.Statistics.ReusedTokens;
        return tokens;
    }

    private static (float[], float[], float[]) Branch(int layers)
    {
        using LanguageModel model = Open(layers);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256, MaxSequences = 3 });
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, s_tokens.AsSpan(0, 100), 100);
        using Sequence fork = sequence.Fork();
        float[] forked = Last(context, fork, [7, 9, 11]), own = Last(context, sequence, [8, 10, 12]);
        Assert.AreEqual(40, fork.Trim(40));
        return (forked, own, Last(context, fork, [5, 6]));
    }

    private static float[] Last(Context context, Sequence sequence, int[] tokens)
    {
        float[] last = [];
        context.Evaluate(sequence, tokens, tokens.Length - 1, (logits, _) => last = logits[0].ToArray());
        return last;
    }

    private static byte[] Save(int layers, ReadOnlySpan<int> tokens)
    {
        using LanguageModel model = Open(layers);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256 });
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, tokens, tokens.Length);
        using var stream = new MemoryStream();
        context.Save(sequence, stream);
        return stream.ToArray();
    }

    private static float[] GoOn(int layers, byte[] saved)
    {
        using LanguageModel model = Open(layers);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256 });
        using Sequence sequence = context.NewSequence();
        context.Load(sequence, new MemoryStream(saved));
        return Last(context, sequence, [9]);
    }
}
