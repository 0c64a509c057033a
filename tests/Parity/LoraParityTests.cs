using System.Text.RegularExpressions;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Models with adapters against llama.cpp.</summary>
[TestClass]
public sealed class LoraParityTests
{
    private const int Tokens = 48;

    private static readonly int[] s_tokens = [.. Enumerable.Range(0, Tokens).Select(i => 3 + (((i * 37) + 11) % 200))];

    // Adapters of tied embeddings end llama.cpp's process, and DeepSeek 2's other matrices take none there.
    [TestMethod]
    [DataRow("llama", "")]
    [DataRow("phi3", "")]
    [DataRow("gemma3", "^(?!token_embd)")]
    [DataRow("qwen3moe", "")]
    [DataRow("deepseek2", "ffn|attn_output|token_embd")]
    [DataRow("qwen35moe", "")]
    public void LogitsWithTwoAdapters(string name, string which)
    {
        string path = Peer.MakeModel(name, "f32"), first = Path.GetTempFileName(), second = Path.GetTempFileName();
        try
        {
            using LanguageModel model = LanguageModel.Open(path);
            bool Has(string tensor) => Regex.IsMatch(tensor, which);
            File.WriteAllBytes(first, AdapterFile.Make(model, rank: 8, alpha: 2, type: GgmlType.F16, which: Has));
            File.WriteAllBytes(second, AdapterFile.Make(model, rank: 4, alpha: 0, seed: 2, which: tensor => Has(tensor) && tensor.Contains("attn", StringComparison.Ordinal)));
            float[] expected = Peer.LogitsWithAdapters(path, s_tokens, (first, 0.5f), (second, -0.25f));
            using LoraAdapter a = model.LoadAdapter(first), b = model.LoadAdapter(second);
            ContextOptions options = new() { ContextSize = 256, LogitsRows = Tokens, TypeK = KvType.F32, TypeV = KvType.F32 };
            using Context plain = model.CreateContext(options), context = model.CreateContext(options with { Adapters = [new(a, 0.5f), new(b, -0.25f)] });
            Assert.IsGreaterThan(0.1, Peer.RelativeDifference(plain.AllLogits(s_tokens, Tokens), expected), "the adapters change something");
            float[] found = context.AllLogits(s_tokens, Tokens);
            int width = model.VocabSize;
            double[] distances = [.. Enumerable.Range(0, Tokens).Select(row => Peer.RelativeDifference(found.AsSpan(row * width, width), expected.AsSpan(row * width, width))).Order()];
            // A near-tie may send a token to another expert.
            Assert.IsLessThan(5e-3, distances[Tokens * 9 / 10], $"{name}: {string.Join(' ', distances.Select(d => d.ToString("G2", System.Globalization.CultureInfo.InvariantCulture)))}");
        }
        finally
        {
            File.Delete(first);
            File.Delete(second);
        }
    }
}
