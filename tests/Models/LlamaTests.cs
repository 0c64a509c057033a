using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Models;

/// <summary>Reading of files of architecture llama.</summary>
[TestClass]
public sealed class LlamaTests
{
    [TestMethod]
    public void AnUnknownArchitectureIsNamedWithThoseThereAre()
    {
        EdgeLlmException error = OpenFails("nonesuch", null);
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        Assert.Contains("'nonesuch'", error.Message);
        Assert.Contains("llama", error.Message);
    }

    [TestMethod]
    [DataRow("token_embd.weight")]
    [DataRow("blk.1.attn_k.weight")]
    [DataRow("blk.0.ffn_norm.weight")]
    [DataRow("output_norm.weight")]
    public void AMissingTensorIsNamed(string name)
    {
        EdgeLlmException error = OpenFails("llama", tensor => tensor.Name == name ? null : tensor);
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        Assert.Contains(name, error.Message);
    }

    [TestMethod]
    [DataRow("blk.1.attn_k.weight", "[72, 80]", "[72, 81")]
    [DataRow("blk.0.ffn_norm.weight", "[72, 1]", "[72, 2")]
    public void AWrongShapeIsNamedWithTheRightOne(string name, string expected, string found)
    {
        EdgeLlmException error = OpenFails("llama", tensor => tensor.Name == name ? tensor with { Ne1 = tensor.Ne1 + 1 } : tensor);
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        Assert.Contains(name, error.Message);
        Assert.Contains(expected, error.Message);
        Assert.Contains(found, error.Message);
    }

    [TestMethod]
    public void ATensorThatWouldBeIgnoredIsAnError()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, extra: new Tensor("blk.0.attn_sinks.weight", GgmlType.F32, 0, 6));
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => LanguageModel.Open(file.File));
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        Assert.Contains("blk.0.attn_sinks.weight", error.Message);
    }

    [TestMethod]
    public void OptionsReplaceTheRotaryBaseAndScale()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File, new ModelOptions { RopeFreqBase = 5e5f, RopeFreqScale = 0.5f, UseMmap = false });
        Assert.AreEqual((5e5f, 0.5f), (model.Spec.Attention!.Rope!.FreqBase, model.Spec.Attention.Rope.FreqScale));
        Assert.AreEqual(ErrorCode.InvalidArgument,
            Assert.ThrowsExactly<EdgeLlmException>(() => LanguageModel.Open(file.File, new ModelOptions { RopeFreqBase = -1 })).Code);
    }

    private static EdgeLlmException OpenFails(string architecture, Func<Tensor, Tensor?>? change)
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, architecture, change);
        return Assert.ThrowsExactly<EdgeLlmException>(() => LanguageModel.Open(file.File));
    }
}
