namespace Edge.Llm.Conversion.Families;

/// <summary>Qwen 2 and 3.</summary>
internal static class Qwens
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new("qwen2", "qwen2") { NeedsBias = true, Defaults = """{"num_key_value_heads":32}""" },
        new("qwen3", "qwen3") { MayBiasAttention = true, Layer = tensors => tensors.Pre(QkNorms.Head), Defaults = """{"num_key_value_heads":32,"head_dim":128}""" },
        new("qwen3moe", "qwen3_moe")
        {
            MayBiasAttention = true, Describe = Experts, Layer = tensors => tensors.Pre(QkNorms.Head, Mixture),
            Defaults = """{"num_key_value_heads":4,"num_experts":128,"num_experts_per_tok":8,"moe_intermediate_size":768,"norm_topk_prob":false}""",
            Keys = KnownKeys.Config.With("num_experts num_experts_per_tok moe_intermediate_size norm_topk_prob", KnownKeys.ExpertTraining,
                ("decoder_sparse_step", ["1"]), ("mlp_only_layers", ["[]"])),
        },
    ];

    private static void Experts(HfConfig config, ModelKeys keys)
    {
        int count = Count(config);
        keys.Count("expert_count", count);
        keys.Count("expert_used_count", config.Json.Int("num_experts_per_tok", 1, count));
        keys.Count("expert_feed_forward_length", Width(config));
        if (config.Json.Flag("norm_topk_prob") is not true)
            throw config.Json.Unsupported("norm_topk_prob: expected true: readers of a GGUF file make the weights of the chosen experts sum to 1");
    }

    private static void Mixture(LayerTensors tensors)
    {
        HfConfig config = tensors.Config;
        int count = Count(config), width = Width(config);
        tensors.Linear("ffn_gate_inp", "mlp.gate", config.Hidden, count, type: GgmlType.F32);
        tensors.Stack("ffn_gate_exps", i => $"mlp.experts.{i}.gate_proj", config.Hidden, width, count);
        tensors.Stack("ffn_up_exps", i => $"mlp.experts.{i}.up_proj", config.Hidden, width, count);
        tensors.Stack("ffn_down_exps", i => $"mlp.experts.{i}.down_proj", width, config.Hidden, count);
    }

    private static int Count(HfConfig config) => config.Json.Int("num_experts", 1, 1 << 10);

    private static int Width(HfConfig config) => config.Json.Int("moe_intermediate_size", 1, 1 << 22);
}
