using System.Text.Json.Nodes;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>A small folder of each family beyond LLaMA's nearest, and what its class computes.</summary>
internal static class HfFamilies
{
    public const int Experts = 4;
    private const int Used = 2, Window = 8, Original = 16;

    /// <summary>Families that generate text.</summary>
    public static readonly string[] Decoders =
        ["qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi3", "ministral3", "smollm3", "granite", "olmo2", "olmo3", "gpt_oss"];

    /// <summary>A model, not yet written.</summary>
    public static HfModel Make(string family) => family switch
    {
        "qwen3_moe" => Qwen3Moe(),
        "gemma" => Gemma(new HfModel(family, tied: true), sandwich: false),
        "gemma2" => With(Gemma(new HfModel(family, tied: true), sandwich: true),
            """{"query_pre_attn_scalar":16,"sliding_window":8,"attn_logit_softcapping":2.0,"final_logit_softcapping":6.0}"""),
        "gemma3_text" => Gemma3(),
        "phi3" => Phi3(),
        "ministral3" => With(new HfModel(family), $$$"""
            {"rope_parameters":{"rope_type":"yarn","rope_theta":10000.0,"factor":4.0,"beta_fast":8.0,"beta_slow":0.5,"mscale":1.0,"mscale_all_dim":1.0,
             "original_max_position_embeddings":{{{Original}}},"llama_4_scaling_beta":0.1},"sliding_window":null}
            """, "rope_theta"),
        "smollm3" => With(new HfModel(family, tied: true, layers: 5), """{"no_rope_layers":[1,1,1,0,1],"no_rope_layer_interval":4}"""),
        "granite" => With(new HfModel(family, tied: true),
            """{"embedding_multiplier":12.0,"residual_multiplier":0.25,"attention_multiplier":0.0625,"logits_scaling":4.0}"""),
        "olmo2" => Olmo(new HfModel(family, hidden: 64)),
        "olmo3" => With(Olmo(new HfModel(family, layers: 5, hidden: 64)), $$$"""
            {"sliding_window":8,"rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":{{{Original}}}},
             "layer_types":["sliding_attention","sliding_attention","sliding_attention","full_attention","sliding_attention"]}
            """),
        "gpt_oss" => GptOss(),
        _ => throw new ArgumentException(family, nameof(family)),
    };

    /// <summary>What its class computes; of longrope by the factors of a key.</summary>
    public static HfSemantics Semantics(HfModel model, string factors = "short_factor")
    {
        int headDim = model.HeadDim;
        double[] plain = HfForward.Frequencies(headDim, 10000);
        var common = new HfSemantics { Frequencies = _ => plain };
        double yarnMagnitude = (0.1 * Math.Log(4)) + 1;
        return model.Config["model_type"]!.GetValue<string>() switch
        {
            "qwen3_moe" => common with { ExpertsUsed = Used },
            "gemma" => GemmaSemantics(plain),
            "gemma2" => GemmaSemantics(plain) with { Softcap = 2, FinalSoftcap = 6, Window = layer => layer % 2 == 0 ? Window : int.MaxValue },
            "gemma3_text" => GemmaSemantics(plain) with
            {
                Window = layer => layer % 6 < 5 ? Window : int.MaxValue,
                Frequencies = layer => layer % 6 < 5 ? HfForward.Frequencies(headDim, 500) : HfForward.Frequencies(headDim, 10000, _ => 8),
            },
            "phi3" => common with
            {
                Magnitude = _ => Math.Sqrt(1 + (Math.Log(256.0 / Original) / Math.Log(Original))), Frequencies = _ => LongRope(model, factors),
            },
            "ministral3" => common with { Frequencies = _ => Yarn(headDim, 8, 0.5), Temperature = at => 1 + (0.1 * Math.Log(1 + (at / Original))) },
            "smollm3" => common with { Frequencies = layer => layer % 4 == 3 ? null : plain },
            "granite" => common with { EmbeddingScale = 12, ResidualScale = 0.25, ScoreScale = 0.0625, LogitDivisor = 4 },
            "olmo3" => common with
            {
                Window = layer => layer % 4 < 3 ? Window : int.MaxValue, Frequencies = layer => layer % 4 < 3 ? plain : Yarn(headDim, 32, 1),
                Magnitude = layer => layer % 4 < 3 ? 1 : yarnMagnitude,
            },
            "gpt_oss" => common with
            {
                ExpertsUsed = Used, Magnitude = _ => yarnMagnitude, Frequencies = _ => Yarn(headDim, 32, 1),
                Window = layer => layer % 2 == 0 ? Window : int.MaxValue,
            },
            _ => common,
        };
    }

    /// <summary>gpt-oss with experts of floats, as a fine-tune has them, or in blocks of four bits.</summary>
    public static HfModel GptOss(bool blocks = true)
    {
        const int Width = 32, Hidden = 64;
        HfModel model = With(new HfModel("gpt_oss", hidden: Hidden), $$$"""
            {"num_local_experts":{{{Experts}}},"num_experts_per_tok":{{{Used}}},"intermediate_size":{{{Width}}},"sliding_window":{{{Window}}},"swiglu_limit":7.0,
             "attention_bias":true,"layer_types":["sliding_attention","full_attention"],
             "rope_scaling":{"rope_type":"yarn","factor":4.0,"beta_fast":32.0,"beta_slow":1.0,"original_max_position_embeddings":{{{Original}}},"truncate":true}}
            """);
        RemoveNetworks(model);
        for (int i = 0; i < model.LayerCount; i++)
        {
            string p = $"model.layers.{i}.", e = p + "mlp.experts.";
            foreach ((string name, int length) in ((string, int)[])[("q", HfModel.Heads * 16), ("k", HfModel.HeadsKv * 16), ("v", HfModel.HeadsKv * 16), ("o", Hidden)])
                model.Add($"{p}self_attn.{name}_proj.bias", length);
            model.Add(p + "self_attn.sinks", HfModel.Heads);
            model.Add(p + "mlp.router.weight", Experts, Hidden);
            model.Add(p + "mlp.router.bias", Experts);
            foreach ((string name, int inputs, int outputs) in ((string, int, int)[])[("gate_up_proj", Hidden, 2 * Width), ("down_proj", Width, Hidden)])
            {
                model.Add($"{e}{name}_bias", Experts, outputs);
                if (blocks) AddBlocks(model, e + name, inputs, outputs);
                else model.Add(e + name, Experts, inputs, outputs);
            }
        }
        if (blocks) model.Config["quantization_config"] = JsonNode.Parse("""{"quant_method":"mxfp4","modules_to_not_convert":["model.layers.*.self_attn"]}""");
        return model;
    }

    // Two values a byte, the first one in the low half; an exponent for 32 of them.
    private static void AddBlocks(HfModel model, string name, int inputs, int outputs)
    {
        float[] levels = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6];
        var random = new Random(name.Length);
        byte[] values = new byte[Experts * outputs * inputs / 2], exponents = new byte[Experts * outputs * inputs / 32];
        random.NextBytes(values);
        for (int i = 0; i < exponents.Length; i++) exponents[i] = (byte)(122 + random.Next(4));
        var dense = new float[Experts * inputs * outputs];
        for (int expert = 0; expert < Experts; expert++)
            for (int o = 0; o < outputs; o++)
                for (int i = 0; i < inputs; i++)
                {
                    int at = (((expert * outputs) + o) * inputs) + i, code = values[at / 2] >> (4 * (at % 2)) & 15;
                    dense[(((expert * inputs) + i) * outputs) + o] = (code >= 8 ? -1 : 1) * levels[code & 7] * MathF.Pow(2, exponents[at / 32] - 127);
                }
        model.AddBytes(name + "_blocks", values, Experts, outputs, inputs / 32, 16);
        model.AddBytes(name + "_scales", exponents, Experts, outputs, inputs / 32);
        model.AddUnwritten(name, dense);
    }

    private static HfModel Qwen3Moe()
    {
        const int Width = 32;
        HfModel model = With(new HfModel("qwen3_moe"), $$$"""
            {"num_experts":{{{Experts}}},"num_experts_per_tok":{{{Used}}},"moe_intermediate_size":{{{Width}}},"norm_topk_prob":true,"decoder_sparse_step":1,"mlp_only_layers":[]}
            """);
        RemoveNetworks(model);
        for (int i = 0; i < model.LayerCount; i++)
        {
            string p = $"model.layers.{i}.mlp.";
            model.Add(p + "gate.weight", Experts, HfModel.Hidden);
            for (int e = 0; e < Experts; e++)
            {
                model.Add($"{p}experts.{e}.gate_proj.weight", Width, HfModel.Hidden);
                model.Add($"{p}experts.{e}.up_proj.weight", Width, HfModel.Hidden);
                model.Add($"{p}experts.{e}.down_proj.weight", HfModel.Hidden, Width);
            }
        }
        return model;
    }

    private static HfModel Gemma(HfModel model, bool sandwich)
    {
        model.Config["hidden_activation"] = "gelu_pytorch_tanh";
        model.Config.Remove("hidden_act");
        for (int i = 0; sandwich && i < model.LayerCount; i++)
            foreach (string name in (string[])["pre", "post"]) model.Add($"model.layers.{i}.{name}_feedforward_layernorm.weight", model.Width);
        return model;
    }

    private static HfModel Gemma3()
    {
        HfModel model = With(Gemma(new HfModel("gemma3_text", tied: true, layers: 7), sandwich: true), """
            {"query_pre_attn_scalar":16,"sliding_window":8,"sliding_window_pattern":6,"rope_local_base_freq":500.0,"rope_scaling":{"rope_type":"linear","factor":8.0}}
            """);
        for (int i = 0; i < model.LayerCount; i++)
            foreach (string name in (string[])["q", "k"]) model.Add($"model.layers.{i}.self_attn.{name}_norm.weight", model.HeadDim);
        return model;
    }

    private static HfModel Phi3()
    {
        HfModel model = With(new HfModel("phi3"), $$$"""
            {"partial_rotary_factor":0.75,"original_max_position_embeddings":{{{Original}}},"sliding_window":2047,
             "rope_scaling":{"type":"longrope","short_factor":[1.0,1.1,1.2,1.3,1.4,1.5],"long_factor":[1.0,2.0,3.0,4.0,5.0,6.0]}}
            """);
        for (int i = 0; i < model.LayerCount; i++)
        {
            string p = $"model.layers.{i}.";
            foreach (string name in (string[])["self_attn.q", "self_attn.k", "self_attn.v", "mlp.gate", "mlp.up"]) model.Remove($"{p}{name}_proj.weight");
            model.Add(p + "self_attn.qkv_proj.weight", (HfModel.Heads + (2 * HfModel.HeadsKv)) * model.HeadDim, HfModel.Hidden);
            model.Add(p + "mlp.gate_up_proj.weight", 2 * HfModel.Intermediate, HfModel.Hidden);
        }
        return model;
    }

    private static HfModel Olmo(HfModel model)
    {
        for (int i = 0; i < model.LayerCount; i++)
        {
            string p = $"model.layers.{i}.";
            model.Remove(p + "input_layernorm.weight");
            model.Add(p + "post_feedforward_layernorm.weight", model.Width);
            model.Add(p + "self_attn.q_norm.weight", HfModel.Heads * model.HeadDim);
            model.Add(p + "self_attn.k_norm.weight", HfModel.HeadsKv * model.HeadDim);
        }
        return model;
    }

    private static void RemoveNetworks(HfModel model)
    {
        foreach (string name in model.Names.Where(name => name.Contains(".mlp.", StringComparison.Ordinal)).ToArray()) model.Remove(name);
    }

    private static HfModel With(HfModel model, string keys, params string[] without)
    {
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(keys)!) model.Config[key] = value?.DeepClone();
        foreach (string key in without) model.Config.Remove(key);
        return model;
    }

    private static HfSemantics GemmaSemantics(double[] frequencies) => new()
    {
        Frequencies = _ => frequencies, NormPlus = 1, EmbeddingScale = MathF.Sqrt(HfModel.Hidden), Activation = HfForward.Gelu,
    };

    private static double[] LongRope(HfModel model, string key)
    {
        double[] factors = [.. ((JsonArray)model.Config["rope_scaling"]![key]!).Select(factor => factor!.GetValue<double>())];
        return [.. HfForward.Frequencies(2 * factors.Length, 10000).Zip(factors, (frequency, factor) => frequency / factor)];
    }

    // A factor of 4: pairs that turn often keep their speed, the others are slowed down, with a ramp between.
    private static double[] Yarn(int headDim, double fast, double slow)
    {
        double Pair(double turns) => headDim * Math.Log(Original / (turns * 2 * Math.PI)) / (2 * Math.Log(10000));

        double low = Math.Max(0, Math.Floor(Pair(fast))), high = Math.Min(headDim - 1, Math.Ceiling(Pair(slow)));
        return [.. HfForward.Frequencies(headDim, 10000).Select((frequency, i) =>
        {
            double kept = 1 - Math.Clamp((i - low) / Math.Max(0.001, high - low), 0, 1);
            return (frequency / 4 * (1 - kept)) + (frequency * kept);
        })];
    }
}
