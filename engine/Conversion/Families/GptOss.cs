namespace Edge.Llm.Conversion.Families;

/// <summary>gpt-oss: experts of four-bit floats in blocks of 32, or of plain floats.</summary>
internal static class GptOss
{
    /// <summary>general.architecture.</summary>
    public const string Name = "gpt-oss";

    private const int BlockLength = 32;

    /// <summary>Its quantization_config.</summary>
    public static KeyTable Quantization { get; } = new("", "modules_to_not_convert", ("quant_method", ["\"mxfp4\""]));

    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new(Name, "gpt_oss")
        {
            MayBiasAttention = true, FullEvery = 2, RopeTheta = 150_000, Epsilon = 1e-5, Describe = Describe, Layer = Layer,
            Keys = KnownKeys.Config.With("num_local_experts num_experts_per_tok experts_per_token swiglu_limit",
                "initial_context_length " + KnownKeys.ExpertTraining),
            Defaults = """
                {"num_key_value_heads":8,"head_dim":64,"num_local_experts":128,"num_experts_per_tok":4,"sliding_window":128,
                 "attention_bias":true}
                """,
        },
    ];

    private static void Describe(HfConfig config, ModelKeys keys)
    {
        int count = Count(config);
        keys.Count("expert_count", count);
        keys.Count("expert_used_count", config.Json.Int("num_experts_per_tok", 1, count));
        keys.Count("expert_feed_forward_length", config.Intermediate);
        config.Require("swiglu_limit", 7);
        config.Require("experts_per_token", config.Json.Int("num_experts_per_tok", 1, count));
        if (!config.AttentionBias) throw config.Json.Unsupported($"attention_bias: expected true, as architecture {Name} has it");
    }

    private static void Layer(LayerTensors tensors)
    {
        HfConfig c = tensors.Config;
        int count = Count(c);
        tensors.Norm("attn_norm", "input_layernorm");
        tensors.Attention();
        tensors.Vector("attn_sinks.weight", "self_attn.sinks", c.Heads);
        tensors.Norm("post_attention_norm", "post_attention_layernorm");
        tensors.Linear("ffn_gate_inp", "mlp.router", c.Hidden, count, bias: true, type: GgmlType.F32);
        Experts(tensors, "gate_up_proj", ["ffn_gate_exps", "ffn_up_exps"], c.Hidden, c.Intermediate, count);
        Experts(tensors, "down_proj", ["ffn_down_exps"], c.Intermediate, c.Hidden, count);
    }

    // Rows of several matrices take turns: gate, up, gate, up.
    private static void Experts(LayerTensors tensors, string source, string[] names, int inputs, int outputs, int count)
    {
        int turns = names.Length, rows = turns * outputs;
        string from = tensors.From("mlp.experts." + source);
        Func<int, Func<long, SourcePiece>> rowsOf;
        SourceTensor values;
        SourceTensor? exponents = null;
        if (tensors.Plan.Has(from + "_blocks"))
        {
            if (inputs % BlockLength != 0) throw tensors.Config.Json.Invalid($"{source}: expected rows of blocks of {BlockLength}, found {inputs} values");
            values = tensors.Plan.UseBytes(from + "_blocks", count, rows, inputs / BlockLength, BlockLength / 2);
            exponents = tensors.Plan.UseBytes(from + "_scales", count, rows, inputs / BlockLength);
            rowsOf = turn => row => new SourcePiece(values, SourceRow(row, turn) * inputs);
        }
        else
        {
            values = tensors.Plan.Use(from, count, inputs, rows); // the other way round
            rowsOf = turn => row => SourceRow(row, turn) is var at ? new SourcePiece(values, (at / rows * inputs * rows) + (at % rows), rows) : default;
        }
        SourceTensor biases = tensors.Plan.Use(from + "_bias", count, rows);
        for (int turn = 0; turn < turns; turn++)
        {
            int mine = turn;
            string name = tensors.To(names[turn]);
            if (exponents is not null)
                tensors.Plan.Add(new ConvertedTensor(name + ".weight", GgmlType.MXFP4, [inputs, outputs, count], inputs, rowsOf(turn)) { Exponents = exponents });
            else tensors.Plan.Add(name + ".weight", values, [inputs, outputs, count], rowsOf(turn));
            tensors.Plan.Add(new ConvertedTensor(name + ".bias", GgmlType.F32, [outputs, count], outputs,
                expert => new SourcePiece(biases, (expert * rows) + mine, turns)));
        }

        long SourceRow(long row, int turn) => (row / outputs * rows) + (row % outputs * turns) + turn;
    }

    private static int Count(HfConfig config) => config.Json.Int("num_local_experts", 1, 1 << 10);
}
