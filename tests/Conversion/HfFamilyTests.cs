using System.Text.Json.Nodes;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Folders of the families beyond LLaMA's nearest, converted: logits against a plain forward pass over the checkpoint, what the other settings of
/// their config.json do, and which are refused.</summary>
[TestClass]
public sealed class HfFamilyTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 40).Select(i => 3 + (i * i * 31 % 250))];

    private static IEnumerable<string> Decoders => HfFamilies.Decoders;

    [TestMethod]
    [DynamicData(nameof(Decoders))]
    public void OurLogitsAreThoseOfTheCheckpoint(string family)
    {
        using HfModel model = HfFamilies.Make(family).Write();
        AssertLogits(model, HfFamilies.Semantics(model), contextSize: family == "phi3" ? 16 : 64, family == "phi3" ? 16 : s_tokens.Length);
    }

    [TestMethod]
    public void LongFactorsCountInALongContext()
    {
        using HfModel model = HfFamilies.Make("phi3").Write();
        AssertLogits(model, HfFamilies.Semantics(model, "long_factor"), contextSize: 64, s_tokens.Length);
    }

    [TestMethod]
    [DynamicData(nameof(Decoders))]
    public void LlamaCppsLogitsAreThoseOfTheCheckpoint(string family)
    {
        if (family == "phi3") Settings.RequireFull(); // its context is longer than the original one
        using HfModel model = HfFamilies.Make(family).Write();
        HfSemantics semantics = HfFamilies.Semantics(model, "long_factor");
        string path = Converted(model);
        double difference = Peer.RelativeDifference(Peer.Logits(path, s_tokens), HfForward.Logits(model, s_tokens, semantics));
        Console.WriteLine($"relative difference {difference:E2}");
        Assert.IsLessThan(Tolerance(model, semantics.Activation == HfForward.Gelu ? 5e-3 : 1e-4), difference);
    }

    [TestMethod]
    public void ExpertsOfFloats()
    {
        using HfModel model = HfFamilies.GptOss(blocks: false).Write();
        AssertLogits(model, HfFamilies.Semantics(model), contextSize: 64, s_tokens.Length);
    }

    [TestMethod]
    [DataRow("gemma3_text", "language_model.model.", "gemma3")]
    [DataRow("gemma3_text", "model.language_model.", "gemma3")]
    [DataRow("ministral3", "language_model.model.", "mistral3")]
    public void TheTextPartOfAModelWithImages(string family, string names, string outer)
    {
        using HfModel alone = HfFamilies.Make(family).Write(), model = HfFamilies.Make(family);
        string head = names.StartsWith("language_model", StringComparison.Ordinal) ? "language_model." : "";
        model.Rename(name => name.StartsWith("model.", StringComparison.Ordinal) ? names + name["model.".Length..] : head + name);
        model.Add("vision_tower.vision_model.embeddings.patch_embedding.weight", 8, 8);
        model.Add("multi_modal_projector.mm_input_projection_weight", 8, 8);
        JsonObject text = (JsonObject)model.Config.DeepClone();
        model.Config.Clear();
        foreach ((string key, JsonNode value) in new Dictionary<string, JsonNode>
        {
            ["architectures"] = new JsonArray("AnyForConditionalGeneration"), ["model_type"] = outer, ["text_config"] = text,
            ["vision_config"] = new JsonObject { ["hidden_size"] = 8 }, ["eos_token_id"] = new JsonArray(2, 0),
        })
            model.Config[key] = value;
        using HfConverter converter = HfConverter.Open(model.Write().Folder);
        Assert.Contains(notice => notice.StartsWith("2 tensors for images", StringComparison.Ordinal), converter.Notices);
        using GgufFile expected = GgufFile.Open(HfConverterTests.Convert(alone)), found = GgufFile.Open(HfConverterTests.Convert(model));
        CollectionAssert.AreEqual(GgufVerifier.Check(expected).Select(check => check.Hash).ToArray(), GgufVerifier.Check(found).Select(check => check.Hash).ToArray());
        model.Config["vision_config"] = null;
        model.Add("model.layers.0.self_attn.extra.weight", 8);
        Refused(model, "model.layers.0.self_attn.extra.weight has no place");
    }

    [TestMethod]
    public void RopeOfEachKindOfLayer()
    {
        using HfModel older = HfFamilies.Make("gemma3_text").Write(), newer = HfFamilies.Make("gemma3_text");
        foreach (string key in (string[])["rope_theta", "rope_scaling", "rope_local_base_freq"]) newer.Config.Remove(key);
        newer.Config["rope_parameters"] = JsonNode.Parse("""
            {"full_attention":{"rope_type":"linear","rope_theta":10000.0,"factor":8.0},"sliding_attention":{"rope_type":"default","rope_theta":500.0}}
            """);
        using GgufFile expected = GgufFile.Open(HfConverterTests.Convert(older)), found = GgufFile.Open(HfConverterTests.Convert(newer.Write()));
        foreach (string key in (string[])["rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor"])
            Assert.AreEqual(expected.Metadata.GetFloat("gemma3." + key), found.Metadata.GetFloat("gemma3." + key), key);
    }

    [TestMethod]
    public void BlocksKeepTheirBits()
    {
        using HfModel model = HfFamilies.GptOss().Write();
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model, new ConversionOptions { Type = GgmlType.F16 }));
        float[] dense = model.Find("model.layers.1.mlp.experts.gate_up_proj")!, down = model.Find("model.layers.1.mlp.experts.down_proj")!;
        foreach ((string name, int turns, int turn, float[] from) in ((string, int, int, float[])[])[("gate", 2, 0, dense), ("up", 2, 1, dense), ("down", 1, 0, down)])
        {
            Tensor tensor = file.GetTensor($"blk.1.ffn_{name}_exps.weight");
            Assert.AreEqual(GgmlType.MXFP4, tensor.Type);
            float[] found = SampleModel.Floats(tensor);
            long k = tensor.Ne0, rows = tensor.Ne1;
            for (int i = 0; i < found.Length; i++)
            {
                (long row, long column) = Math.DivRem(i, k);
                (long expert, long output) = Math.DivRem(row, rows);
                Assert.AreEqual(from[(((expert * k) + column) * rows * turns) + (output * turns) + turn], found[i], $"{name} {i}");
            }
        }
    }

    [TestMethod]
    [DataRow("qwen3_moe", "norm_topk_prob", "false", "norm_topk_prob")]
    [DataRow("qwen3_moe", "norm_topk_prob", null, "norm_topk_prob")]
    [DataRow("qwen3_moe", "decoder_sparse_step", "2", "decoder_sparse_step")]
    [DataRow("qwen3_moe", "mlp_only_layers", "[0]", "mlp_only_layers")]
    [DataRow("qwen3_moe", "num_experts", "3", "mlp.gate.weight")]
    [DataRow("qwen3_moe", "num_experts_per_tok", "5", "num_experts_per_tok")]
    [DataRow("gemma", "hidden_activation", "\"gelu\"", "gelu")]
    [DataRow("gemma2", "query_pre_attn_scalar", "144", "query_pre_attn_scalar: expected 16, found 144")]
    [DataRow("gemma2", "sliding_window", "null", "sliding_window")]
    [DataRow("gemma2", "attn_logit_softcapping", "null", "attn_logit_softcapping")]
    [DataRow("gemma2", "layer_types", "[\"full_attention\",\"sliding_attention\"]", "layer 0 has full_attention")]
    [DataRow("gemma2", "layer_types", "[\"sliding_attention\"]", "1 layers, expected 2")]
    [DataRow("gemma3_text", "sliding_window_pattern", "4", "sliding_window_pattern")]
    [DataRow("gemma3_text", "attn_logit_softcapping", "50.0", "attn_logit_softcapping")]
    [DataRow("gemma3_text", "use_bidirectional_attention", "true", "use_bidirectional_attention")]
    [DataRow("phi3", "rope_scaling", "{\"type\":\"longrope\",\"short_factor\":[1.0],\"long_factor\":[1.0,1.0,1.0,1.0,1.0,1.0]}", "short_factor: 1 factors, expected 6")]
    [DataRow("phi3", "rope_scaling", "{\"type\":\"longrope\",\"short_factor\":[1.0]}", "long_factor")]
    [DataRow("phi3", "rope_scaling", "{\"type\":\"longrope\",\"short_factor\":[0.0],\"long_factor\":[1.0]}", "short_factor")]
    [DataRow("phi3", "partial_rotary_factor", "0.7", "partial_rotary_factor")]
    [DataRow("phi3", "partial_rotary_factor", "1.5", "partial_rotary_factor")]
    [DataRow("olmo2", "rope_scaling", "{\"type\":\"longrope\",\"short_factor\":[1.0],\"long_factor\":[1.0]}", "no tensors of factors")]
    [DataRow("ministral3", "rope_parameters", "{\"rope_type\":\"yarn\",\"factor\":4.0,\"mscale\":0.5,\"mscale_all_dim\":1.0}", "mscale")]
    [DataRow("olmo2", "rope_parameters", "{\"rope_type\":\"yarn\",\"factor\":4.0,\"llama_4_scaling_beta\":0.1}", "llama_4_scaling_beta")]
    [DataRow("olmo2", "rope_parameters", "{\"full_attention\":{\"rope_type\":\"default\"}}", "full_attention")]
    [DataRow("smollm3", "no_rope_layers", "[1,1,0,1,1]", "no_rope_layers")]
    [DataRow("smollm3", "no_rope_layer_interval", "3", "no_rope_layer_interval")]
    [DataRow("granite", "logits_scaling", "0", "logits_scaling")]
    [DataRow("olmo3", "layer_types", "[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"]", "layer 3")]
    [DataRow("gpt_oss", "swiglu_limit", "6.0", "swiglu_limit")]
    [DataRow("gpt_oss", "attention_bias", "false", "attention_bias")]
    [DataRow("gpt_oss", "quantization_config", "{\"quant_method\":\"fp8\"}", "quant_method")]
    [DataRow("gpt_oss", "intermediate_size", "48", "expected shape")]
    public void SettingsThatAFileCannotSay(string family, string key, string? json, string says)
    {
        using HfModel model = HfFamilies.Make(family);
        model.Config.Remove(key);
        if (json is not null) model.Config[key] = JsonNode.Parse(json);
        Refused(model, says);
    }

    [TestMethod]
    [DataRow("olmo2", "{\"rope_type\":\"yarn\",\"factor\":4.0,\"truncate\":false}", "truncate false")]
    [DataRow("olmo2", "{\"rope_type\":\"yarn\",\"factor\":4.0,\"beta_fast\":16.0}", "beta_fast 16 and beta_slow 1")]
    [DataRow("phi3", null, "sliding_window 100")]
    [DataRow("phi3", null, "type longrope")]
    public void WhatReadersDoOtherwiseIsTold(string family, string? rope, string says)
    {
        using HfModel model = HfFamilies.Make(family);
        if (rope is not null) model.Config["rope_scaling"] = JsonNode.Parse(rope);
        model.Config["sliding_window"] = 100;
        using HfConverter converter = HfConverter.Open(model.Write().Folder);
        Assert.Contains(notice => notice.Contains(says, StringComparison.Ordinal), converter.Notices);
    }

    [TestMethod]
    public void MissingTensors()
    {
        foreach ((string family, string name) in ((string, string)[])
            [("qwen3_moe", "model.layers.1.mlp.experts.3.up_proj.weight"), ("gpt_oss", "model.layers.0.self_attn.sinks"),
             ("gpt_oss", "model.layers.0.mlp.experts.down_proj_scales"), ("gemma2", "model.layers.1.post_feedforward_layernorm.weight")])
        {
            using HfModel model = HfFamilies.Make(family);
            model.Remove(name);
            Refused(model, name);
        }
    }

    // What four-bit blocks are multiplied with is rounded to eight bits.
    private static double Tolerance(HfModel model, double plain) => model.Config.ContainsKey("quantization_config") ? 0.03 : plain;

    private static void Refused(HfModel model, string says)
    {
        model.Write();
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
        Assert.IsTrue(error.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported, error.Message);
        StringAssert.Contains(error.Message, says);
    }

    private static string Converted(HfModel model)
    {
        string path = Path.Combine(model.Folder, "model.gguf");
        File.WriteAllBytes(path, HfConverterTests.Convert(model));
        return path;
    }

    private static void AssertLogits(HfModel model, HfSemantics semantics, int contextSize, int count)
    {
        using LanguageModel opened = LanguageModel.Open(Converted(model));
        using Context context = opened.CreateContext(new ContextOptions { ContextSize = contextSize, TypeK = KvType.F32, TypeV = KvType.F32, LogitsRows = count });
        int[] tokens = s_tokens[..count];
        double difference = Peer.RelativeDifference(context.AllLogits(tokens, count), HfForward.Logits(model, tokens, semantics));
        Console.WriteLine($"relative difference {difference:E2}");
        Assert.IsLessThan(Tolerance(model, 2e-5), difference);
    }
}
