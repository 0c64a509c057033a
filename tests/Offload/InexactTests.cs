using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>What a device computes that is not exact is never taken for what the CPU computes.</summary>
[TestClass]
[DoNotParallelize]
public sealed class InexactTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 200).Select(i => 3 + (i * 53 % 120))];
    private static TinyModel s_file = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context) => s_file = new TinyModel(GgmlType.Q4_K, GgmlType.Q6_K, chatTemplate: "{{ messages }}");

    [ClassCleanup]
    public static void DeleteModel() => s_file.Dispose();

    [TestMethod]
    public void SavedTextsAreRefusedBothWays()
    {
        byte[] exact = Save(), inexact;
        using (ReferencePlugin.Fault("exact"))
        {
            inexact = Save();
            AssertRefused(exact);
            GoOn(inexact);
        }
        AssertRefused(inexact);
        GoOn(exact);
    }

    [TestMethod]
    public void TextsOnDiskAreNotFoundBothWays()
    {
        string folder = Directory.CreateTempSubdirectory("edge-llm-inexact").FullName;
        try
        {
            Assert.AreEqual(0, Reused(folder));
            using (ReferencePlugin.Fault("exact"))
            {
                Assert.AreEqual(0, Reused(folder));
                Assert.AreEqual(192, Reused(folder));
            }
            Assert.AreEqual(192, Reused(folder));
            Directory.Delete(folder, recursive: true);
            using (ReferencePlugin.Fault("exact")) Assert.AreEqual(0, Reused(folder));
            Assert.AreEqual(0, Reused(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static LanguageModel Open() => LanguageModel.Open(s_file.File, new ModelOptions { Offload = ReferencePlugin.Layers(2) with { Exact = false } });

    private static byte[] Save()
    {
        using LanguageModel model = Open();
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256 });
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, s_tokens, s_tokens.Length);
        using var stream = new MemoryStream();
        context.Save(sequence, stream);
        return stream.ToArray();
    }

    private static void GoOn(byte[] saved)
    {
        using LanguageModel model = Open();
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256 });
        using Sequence sequence = context.NewSequence();
        context.Load(sequence, new MemoryStream(saved));
        Assert.AreEqual(s_tokens.Length, sequence.Length);
    }

    private static void AssertRefused(byte[] saved)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => GoOn(saved));
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        StringAssert.Contains(error.Message, "not exact");
    }

    private static int Reused(string folder)
    {
        using LanguageModel model = Open();
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256, PromptCache = folder });
        using Generation generation = context.Generate(s_tokens, new GenerateOptions { MaxTokens = 2, IgnoreEos = true });
        Assert.IsNotEmpty(generation.ToArray());
        return generation.Statistics.ReusedTokens;
    }
}
