using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>The options of the sampler's stages.</summary>
[TestClass]
public sealed class SamplingOptionsTests
{
    private static readonly Lazy<TinyModel> s_model = new(() => new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "x"));

    [ClassCleanup]
    public static void Delete()
    {
        if (s_model.IsValueCreated) s_model.Value.Dispose();
    }

    [TestMethod]
    public void StagesActInTheOrderThatIsGiven()
    {
        string greedy = Text("--temp", "0");
        Assert.AreEqual(greedy, Text("--samplers", "top_k;temperature", "--top-k", "1", "--temp", "1.9"));
        Assert.AreEqual(greedy, Text("--sampling-seq", "kt", "--top-k", "1", "--temp", "1.9"));
        Assert.AreEqual(Text("--samplers", "temperature", "--temp", "1.9"), Text("--top-k", "0", "--top-p", "1", "--min-p", "0", "--temp", "1.9"));
        Assert.AreNotEqual(greedy, Text("--samplers", "temperature", "--temp", "1.9"), "top-k is not named");
    }

    [TestMethod]
    [DataRow("--typical", "0.3")]
    [DataRow("--top-nsigma", "0.3")]
    [DataRow("--dynatemp-range", "0.7")]
    [DataRow("--mirostat", "1")]
    [DataRow("--mirostat", "2", "--mirostat-ent", "2", "--mirostat-lr", "0.3")]
    [DataRow("--xtc-probability", "1", "--xtc-threshold", "0.001")]
    [DataRow("--dry-multiplier", "9", "--dry-allowed-length", "1", "--dry-sequence-breaker", "none")]
    public void EachStageChangesTheText(params string[] options) => Assert.AreNotEqual(Text("--temp", "1.2"), Text(["--temp", "1.2", .. options]));

    [TestMethod]
    [DataRow("--samplers", "top_k;tall")]
    [DataRow("--sampling-seq", "kz")]
    [DataRow("--samplers", "top_k;top_k")]
    [DataRow("--mirostat", "3")]
    [DataRow("--typical", "1.5")]
    [DataRow("--dry-allowed-length", "0")]
    public void WhatThereIsNotIsRefused(params string[] options) => CommandLine.AssertUsageError(
        CommandLine.Run(["run", "-m", s_model.Value.File, "-p", "x", "-n", "1", .. options]));

    private static string Text(params string[] options)
    {
        CommandLine.Result run = CommandLine.Run(["run", "-m", s_model.Value.File, "-p", "a prompt of the test", "-n", "40", "--seed", "5", "--ignore-eos", "--json", .. options]);
        Assert.AreEqual(0, run.ExitCode, run.Error);
        using JsonDocument json = JsonDocument.Parse(run.Output);
        return json.RootElement.GetProperty("tokens").GetRawText();
    }
}
