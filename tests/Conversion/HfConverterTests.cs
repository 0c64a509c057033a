using System.Text.Json.Nodes;
using Edge.Llm.Conversion;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Folders of every family, converted: logits against a plain forward pass over the checkpoint, bits of the weights, keys.</summary>
[TestClass]
public sealed class HfConverterTests
{
    private static readonly int[] s_tokens = [1, 17, 42, 99, 5, 280, 64, 3, 250, 7, 7, 130];

    [TestMethod]
    [DataRow("llama", "F32", false)]
    [DataRow("llama", "BF16", true)]
    [DataRow("mistral", "F16", false)]
    public void OurLogitsAreThoseOfTheCheckpoint(string family, string dtype, bool tied)
    {
        using HfModel model = new HfModel(family, dtype, tied).Write();
        AssertOurLogits(model, HfForward.Frequencies(model.HeadDim, 10000));
    }

    [TestMethod]
    public void RopeScalingOfLlama3()
    {
        using HfModel model = Llama3();
        AssertOurLogits(model, HfForward.Frequencies(model.HeadDim, 500, Llama3Factor));
    }

    [TestMethod]
    public void LinearRopeScaling()
    {
        using var model = new HfModel("llama");
        model.Config["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 4.0 };
        model.Write();
        AssertOurLogits(model, HfForward.Frequencies(model.HeadDim, 10000, _ => 4));
    }

    [TestMethod]
    [DataRow("llama", "F32", false)]
    [DataRow("mistral", "BF16", true)]
    [DataRow("qwen2", "F32", true)]
    [DataRow("qwen2", "BF16", false)]
    [DataRow("qwen3", "F32", false)]
    [DataRow("qwen3", "F16", true)]
    public void LlamaCppsLogitsAreThoseOfTheCheckpoint(string family, string dtype, bool tied)
    {
        using HfModel model = new HfModel(family, dtype, tied, headDim: family switch { "qwen3" => 32, "qwen2" => 12, _ => 16 }).Write();
        AssertPeerLogits(model, HfForward.Frequencies(model.HeadDim, 10000), dtype == "F32" ? 1e-4 : 0.02); // llama.cpp rounds activations to the weights' type
    }

    [TestMethod]
    public void RopeScalingOfLlama3InLlamaCpp()
    {
        using HfModel model = Llama3();
        AssertPeerLogits(model, HfForward.Frequencies(model.HeadDim, 500, Llama3Factor), 1e-4);
    }

    [TestMethod]
    public void ShardsAreOneModel()
    {
        using HfModel whole = new HfModel("llama").Write(), parts = new HfModel("llama").Write(shards: 3);
        byte[] expected = Convert(whole), found = Convert(parts);
        using GgufFile a = GgufFile.Open(expected), b = GgufFile.Open(found);
        CollectionAssert.AreEqual(GgufVerifier.Check(a).Select(check => check.Hash).ToArray(), GgufVerifier.Check(b).Select(check => check.Hash).ToArray());
    }

    [TestMethod]
    [DataRow("F16", GgmlType.F16)]
    [DataRow("BF16", GgmlType.BF16)]
    [DataRow("F32", GgmlType.F32)]
    public void WeightsKeepTheirBits(string dtype, GgmlType type)
    {
        using HfModel model = new HfModel("qwen2", dtype).Write();
        using GgufFile file = GgufFile.Open(Convert(model));
        (string To, string From)[] same =
        [
            ("token_embd", "model.embed_tokens"), ("output", "lm_head"), ("blk.1.attn_q", "model.layers.1.self_attn.q_proj"),
            ("blk.0.attn_output", "model.layers.0.self_attn.o_proj"), ("blk.1.ffn_down", "model.layers.1.mlp.down_proj"),
        ];
        foreach ((string to, string from) in same)
        {
            Tensor tensor = file.GetTensor(to + ".weight");
            Assert.AreEqual(type, tensor.Type);
            CollectionAssert.AreEqual(model.Encode(model.Find(from + ".weight")!), SampleGguf.Stored(tensor), to);
        }
        Tensor bias = file.GetTensor("blk.0.attn_k.bias");
        Assert.AreEqual(GgmlType.F32, bias.Type);
        CollectionAssert.AreEqual(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(model.Find("model.layers.0.self_attn.k_proj.bias")!).ToArray(), SampleGguf.Stored(bias));
    }

    [TestMethod]
    [DataRow(GgmlType.F32, 0, 0u)]
    [DataRow(GgmlType.F16, 0.0006, 1u)]
    [DataRow(GgmlType.BF16, 0.005, 32u)]
    [DataRow(GgmlType.Q8_0, 0.01, 7u)]
    public void MatricesOfAnotherType(GgmlType type, double tolerance, uint fileType)
    {
        using HfModel model = new HfModel("llama", "F32").Write();
        using GgufFile file = GgufFile.Open(Convert(model, new ConversionOptions { Type = type }));
        Assert.AreEqual(fileType, file.Metadata.GetUInt32("general.file_type"));
        Tensor down = file.GetTensor("blk.0.ffn_down.weight"), up = file.GetTensor("blk.0.ffn_up.weight");
        Assert.AreEqual((type, type == GgmlType.Q8_0 ? GgmlType.F16 : type), (down.Type, up.Type)); // a row of 48 is no multiple of 32
        Assert.AreEqual(GgmlType.F32, file.GetTensor("blk.0.ffn_norm.weight").Type);
        Assert.IsLessThanOrEqualTo(tolerance, Peer.RelativeDifference(Floats(down), model.Find("model.layers.0.mlp.down_proj.weight")!));
    }

    [TestMethod]
    public void ValuesBeyondAHalfAreCounted()
    {
        using var model = new HfModel("llama");
        model.Find("model.layers.0.mlp.up_proj.weight")![5] = 1e6f;
        model.Write();
        using HfConverter converter = HfConverter.Open(model.Folder, new ConversionOptions { Type = GgmlType.F16 });
        converter.WriteTo(Stream.Null);
        Assert.AreEqual(1, converter.Saturated);
    }

    [TestMethod]
    public void NeighboursAreTheFirstRowsOfTheHalves() =>
        CollectionAssert.AreEqual((long[])[0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11], Enumerable.Range(0, 12).Select(row => TensorPlan.RowOf(row, 12, 2)).ToArray());

    [TestMethod]
    public void KeysOfTheArchitecture()
    {
        using var model = new HfModel("qwen3", headDim: 32);
        model.Config["rope_scaling"] = new JsonObject { ["rope_type"] = "yarn", ["factor"] = 4.0, ["original_max_position_embeddings"] = 64, ["beta_fast"] = 16 };
        model.Write();
        byte[] bytes = Convert(model);
        using GgufFile file = GgufFile.Open(bytes);
        GgufMetadata m = file.Metadata;
        Assert.AreEqual(("qwen3", "model", Path.GetFileName(model.Folder)), (m.GetString("general.architecture"), m.GetString("general.type"), m.GetString("general.name")));
        Assert.AreEqual((256, 48, 2, 96, 4, 2), (m.GetInt32("qwen3.context_length"), m.GetInt32("qwen3.embedding_length"), m.GetInt32("qwen3.block_count"),
            m.GetInt32("qwen3.feed_forward_length"), m.GetInt32("qwen3.attention.head_count"), m.GetInt32("qwen3.attention.head_count_kv")));
        Assert.AreEqual((32, 32, 1e-5f, 10000f), (m.GetInt32("qwen3.attention.key_length"), m.GetInt32("qwen3.attention.value_length"),
            m.GetFloat("qwen3.attention.layer_norm_rms_epsilon"), m.GetFloat("qwen3.rope.freq_base")));
        Assert.AreEqual(("yarn", 4f, 64, 16f), (m.GetString("qwen3.rope.scaling.type"), m.GetFloat("qwen3.rope.scaling.factor"),
            m.GetInt32("qwen3.rope.scaling.original_context_length"), m.GetFloat("qwen3.rope.scaling.yarn_beta_fast")));
        using HfConverter converter = HfConverter.Open(model.Folder);
        Assert.AreEqual(bytes.Length, converter.FileBytes);
    }

    [TestMethod]
    public void WhatAFileCannotSayIsNoticed()
    {
        using var model = new HfModel("mistral");
        model.Config["sliding_window"] = 64;
        model.Config.Remove("rope_theta");
        model.Config["rope_parameters"] = new JsonObject { ["rope_theta"] = 1e6, ["rope_type"] = "dynamic", ["factor"] = 2.0 };
        model.Write();
        using HfConverter converter = HfConverter.Open(model.Folder);
        Assert.HasCount(2, converter.Notices);
        StringAssert.Contains(converter.Notices[0], "sliding_window 64");
        using GgufFile file = GgufFile.Open(Convert(model));
        Assert.AreEqual(1e6f, file.Metadata.GetFloat("llama.rope.freq_base"));
    }

    [TestMethod]
    public void ConvertingCanBeCancelled()
    {
        using HfModel model = new HfModel("llama").Write();
        using HfConverter converter = HfConverter.Open(model.Folder);
        using var source = new CancellationTokenSource();
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => converter.WriteTo(Stream.Null, _ => source.Cancel(), source.Token));
        Assert.AreEqual(ErrorCode.Cancelled, error.Code);
    }

    internal static byte[] Convert(HfModel model, ConversionOptions? options = null)
    {
        using HfConverter converter = HfConverter.Open(model.Folder, options);
        using var stream = new MemoryStream();
        converter.WriteTo(stream);
        return stream.ToArray();
    }

    private static HfModel Llama3()
    {
        var model = new HfModel("llama", tied: true);
        model.Config["rope_theta"] = 500.0;
        model.Config["rope_scaling"] = new JsonObject
        {
            ["rope_type"] = "llama3", ["factor"] = 8.0, ["low_freq_factor"] = 1.0, ["high_freq_factor"] = 4.0, ["original_max_position_embeddings"] = 128,
        };
        return model.Write();
    }

    // By wavelength, as Hugging Face puts it.
    private static double Llama3Factor(double frequency)
    {
        double wave = 2 * Math.PI / frequency;
        if (wave < 128 / 4.0) return 1;
        if (wave > 128 / 1.0) return 8;
        double smooth = ((128 / wave) - 1) / (4.0 - 1);
        return 1 / (((1 - smooth) / 8) + smooth);
    }

    private static void AssertOurLogits(HfModel model, double[] frequencies)
    {
        string path = Path.Combine(model.Folder, "model.gguf");
        File.WriteAllBytes(path, Convert(model));
        using LanguageModel opened = LanguageModel.Open(path);
        using Context context = opened.CreateContext(new ContextOptions { TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = s_tokens.Length });
        float[] found = context.AllLogits(s_tokens, s_tokens.Length);
        Assert.IsLessThan(1e-5, Peer.RelativeDifference(found, HfForward.Logits(model, s_tokens, frequencies)));
        CollectionAssert.AreEqual((int[])[1, 3 + 'h', 3 + 'i'], Tokenizer.FromGguf(opened.File.Metadata).Encode("hi"));
    }

    private static void AssertPeerLogits(HfModel model, double[] frequencies, double tolerance)
    {
        string path = Path.Combine(model.Folder, "model.gguf");
        File.WriteAllBytes(path, Convert(model));
        double difference = Peer.RelativeDifference(Peer.Logits(path, s_tokens), HfForward.Logits(model, s_tokens, frequencies));
        Console.WriteLine($"relative difference {difference:E2}");
        Assert.IsLessThan(tolerance, difference);
    }

    private static unsafe float[] Floats(Tensor tensor)
    {
        var values = new float[tensor.Elements];
        for (int i = 0; i < values.Length; i++)
            values[i] = tensor.Type switch
            {
                GgmlType.F32 => ((float*)tensor.Pointer)[i],
                GgmlType.F16 => HalfFloat.ToSingle(((ushort*)tensor.Pointer)[i]),
                GgmlType.BF16 => HalfFloat.FromBFloat16(((ushort*)tensor.Pointer)[i]),
                _ => HalfFloat.ToSingle(*(ushort*)(tensor.Pointer + (i / 32 * 34))) * ((sbyte*)tensor.Pointer)[(i / 32 * 34) + 2 + (i % 32)],
            };
        return values;
    }
}
