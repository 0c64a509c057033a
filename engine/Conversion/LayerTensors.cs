namespace Edge.Llm.Conversion;

/// <summary>What is normed of queries and keys.</summary>
internal enum QkNorms
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Each head, all with the same weights.</summary>
    Head,

    /// <summary>All heads together.</summary>
    Row,
}

/// <summary>The tensors below a name in the GGUF file and another in the checkpoint: those of a layer, or those around the layers.</summary>
internal sealed class LayerTensors(TensorPlan plan, HfConfig config, string to, string from)
{
    /// <summary>The plan that they become part of.</summary>
    public TensorPlan Plan => plan;

    /// <summary>The model's numbers.</summary>
    public HfConfig Config => config;

    /// <summary>LLaMA's layer: norms before attention and before a gated network, or what takes its place.</summary>
    public void Pre(QkNorms qkNorms = QkNorms.None, Action<LayerTensors>? feed = null)
    {
        Norm("attn_norm", "input_layernorm");
        Attention(qkNorms);
        Norm("ffn_norm", "post_attention_layernorm");
        if (feed is null) Gated();
        else feed(this);
    }

    /// <summary>Queries, keys, values, output.</summary>
    public void Attention(QkNorms norms = QkNorms.None)
    {
        ModelFamily family = config.Family;
        int q = config.Heads * config.HeadDim, kv = config.HeadsKv * config.HeadDim;
        bool bias = family.NeedsBias || config.AttentionBias;
        Linear("attn_q", "self_attn.q_proj", config.Hidden, q, bias, family.PermutesHeads ? config.Heads : 0);
        Linear("attn_k", "self_attn.k_proj", config.Hidden, kv, bias, family.PermutesHeads ? config.HeadsKv : 0);
        Linear("attn_v", "self_attn.v_proj", config.Hidden, kv, bias);
        if (norms != QkNorms.None)
        {
            Norm("attn_q_norm", "self_attn.q_norm", norms == QkNorms.Head ? config.HeadDim : q);
            Norm("attn_k_norm", "self_attn.k_norm", norms == QkNorms.Head ? config.HeadDim : kv);
        }
        Linear("attn_output", "self_attn.o_proj", q, config.Hidden, config.AttentionBias && !family.NeedsBias);
    }

    /// <summary>A gated network.</summary>
    public void Gated()
    {
        Linear("ffn_gate", "mlp.gate_proj", config.Hidden, config.Intermediate, config.FeedForwardBias);
        Linear("ffn_up", "mlp.up_proj", config.Hidden, config.Intermediate, config.FeedForwardBias);
        Linear("ffn_down", "mlp.down_proj", config.Intermediate, config.Hidden, config.FeedForwardBias);
    }

    /// <summary>A norm's weights.</summary>
    public void Norm(string name, string source, int? length = null) =>
        plan.Vector($"{to}{name}.weight", $"{from}{source}.weight", length ?? config.Hidden, plus: config.Family.NormsPlusOne ? 1 : 0);

    /// <summary>A norm's weights and bias.</summary>
    public void LayerNorm(string name, string source)
    {
        Norm(name, source);
        plan.Vector($"{to}{name}.bias", $"{from}{source}.bias", config.Hidden);
    }

    /// <summary>A matrix, and perhaps a bias.</summary>
    public void Linear(string name, string source, int inputs, int outputs, bool bias = false, int rotatedHeads = 0, GgmlType? type = null)
    {
        plan.Matrix($"{to}{name}.weight", $"{from}{source}.weight", inputs, outputs, rotatedHeads, type);
        if (bias) Vector($"{name}.bias", $"{source}.bias", outputs, rotatedHeads);
    }

    /// <summary>A vector.</summary>
    public void Vector(string name, string source, int length, int rotatedHeads = 0) => plan.Vector(to + name, from + source, length, rotatedHeads);

    /// <summary>A matrix for each expert, in the checkpoint a tensor each.</summary>
    public void Stack(string name, Func<int, string> source, int inputs, int outputs, int count)
    {
        SourceTensor[] tensors = [.. Enumerable.Range(0, count).Select(i => plan.Use($"{from}{source(i)}.weight", outputs, inputs))];
        plan.Add($"{to}{name}.weight", tensors[0], [inputs, outputs, count], row => new SourcePiece(tensors[row / outputs], row % outputs * inputs));
    }

    /// <summary>A tensor's name in the GGUF file.</summary>
    public string To(string name) => to + name;

    /// <summary>A tensor's name in the checkpoint.</summary>
    public string From(string name) => from + name;
}
