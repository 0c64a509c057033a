using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Models;

namespace Edge.Llm.Tests.Api;

/// <summary>Forward passes against llama.cpp.</summary>
[TestClass]
public sealed class ForwardTests
{
    private static readonly int[] s_tokens = [1, 61, 62, 270, 280, 290, 5, 77, 120, 33, 260, 261, 299, 298, 262, 263, 264, 3, 4, 100];

    [TestMethod]
    [DataRow("llama")]
    [DataRow("llama3")]
    [DataRow("llama-linear")]
    [DataRow("llama-yarn")]
    public void LogitsEqualLlamaCpp(string architecture)
    {
        string path = Peer.MakeModel(architecture, "f32");
        var tokens = new int[300];
        for (int i = 0; i < tokens.Length; i++) tokens[i] = i < s_tokens.Length ? s_tokens[i] : 3 + (i * 7919 % 290);
        float[] expected = Peer.Logits(path, tokens);
        using LanguageModel model = LanguageModel.Open(path);
        using InferenceContext context = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = 512 });
        float[] found = All(context, tokens, 512);
        Assert.AreEqual(expected.Length, found.Length);
        double difference = Peer.RelativeDifference(found, expected);
        Console.WriteLine($"{architecture}: {difference:E2}");
        Assert.IsLessThan(1e-3, difference);
    }

    [TestMethod]
    public void Stories260KEqualsLlamaCpp()
    {
        string path = Peer.Stories();
        int[] tokens = [1, 403, 407, 261, 378, 30, 29, 268, 15, 511];
        float[] expected = Peer.Logits(path, tokens);
        using LanguageModel model = LanguageModel.Open(path);
        using InferenceContext context = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = 512 });
        double difference = Peer.RelativeDifference(All(context, tokens, 512), expected);
        Console.WriteLine($"{difference:E2}");
        Assert.IsLessThan(1e-3, difference);
    }

    [TestMethod]
    [DataRow("Once upon a time")]
    [DataRow("Lily and Tom")]
    [DataRow("The dog")]
    [DataRow("One day, a little girl named Anna")]
    [DataRow("")]
    public void GreedyTextEqualsLlamaCpp(string prompt)
    {
        (int[] promptTokens, int[] expected) = Peer.Generate(Peer.Stories(), prompt, 200);
        using LanguageModel model = LanguageModel.Open(Peer.Stories());
        using InferenceContext context = model.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32 });
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(promptTokens, sequence);
        var found = new List<int>();
        while (found.Count < 200)
        {
            ReadOnlySpan<float> logits = context.Forward(batch)[0];
            int best = 0;
            for (int i = 1; i < logits.Length; i++)
                if (logits[i] > logits[best]) best = i;
            found.Add(best);
            batch.Clear();
            batch.Add(best, sequence, true);
        }
        CollectionAssert.AreEqual(expected, found);
    }

    internal static float[] All(InferenceContext context, ReadOnlySpan<int> tokens, int batchSize)
    {
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        var all = new List<float>();
        for (int start = 0; start < tokens.Length; start += batchSize)
        {
            batch.Clear();
            foreach (int token in tokens[start..Math.Min(tokens.Length, start + batchSize)]) batch.Add(token, sequence, true);
            Logits logits = context.Forward(batch);
            for (int row = 0; row < logits.Count; row++) all.AddRange(logits[row]);
        }
        return [.. all];
    }
}
