using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Forward passes of every architecture against llama.cpp.</summary>
[TestClass]
public sealed class ArchitectureParityTests
{
    private const int Tokens = 96;

    private static readonly int[] s_tokens = [.. Enumerable.Range(0, Tokens).Select(i => 3 + (((i * 37) + 11) % 200))];

    private static readonly string[] s_always = [.. Peer.OwnModels, "qwen3", "gemma2", "gpt-oss", "deepseek2", "qwen35moe", "lfm2", "bert", "qwen3-rerank"];

    private static IEnumerable<string> Names => Settings.Full ? ModelSpecFile.Names : s_always;

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void LogitsOfF32Weights(string name)
    {
        string path = Peer.MakeModel(name, "f32");
        using LanguageModel model = LanguageModel.Open(path);
        if (model.Spec.BothDirections || model.Ranks) // of these the reference makes vectors only
        {
            CompareVectors(model, path, name);
            return;
        }
        float[] expected = Peer.Logits(path, s_tokens);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256, LogitsRows = Tokens, TypeK = KvType.F32, TypeV = KvType.F32 });
        float[] found = context.AllLogits(s_tokens, Tokens);
        Assert.HasCount(expected.Length, found);
        int width = found.Length / Tokens;
        double[] distances = [.. Enumerable.Range(0, Tokens).Select(row => Distance(expected.AsSpan(row * width, width), found.AsSpan(row * width, width)))];
        // A near-tie may send a token to another expert.
        Array.Sort(distances);
        double limit = name == "gemma3n" ? 5e-3 : 2e-3; // 25 layers of the reference's GELU table, which is in half precision
        Assert.IsLessThan(limit, model.Spec.Layers.Any(layer => layer.Ffn is Edge.Llm.Models.ExpertsSpec) ? distances[Tokens * 95 / 100] : distances[^1], name);
    }

    private static void CompareVectors(LanguageModel model, string path, string name)
    {
        int[] tokens = [.. s_tokens.Select(token => token % model.VocabSize)];
        float[] expected = Peer.Embed(path, tokens, pooling: null);
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 256, TypeK = KvType.F32, TypeV = KvType.F32 });
        float[] found = model.Ranks ? context.Rank(tokens) : context.Embed(tokens, normalize: false);
        Assert.HasCount(expected.Length, found);
        Assert.IsLessThan(5e-3, Distance(expected, found), name); // as close as GELU's table lets them be: a cosine above 0.9999
    }

    private static double Distance(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow(expected[i] - found[i], 2);
            size += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / size);
    }
}
