namespace Edge.Llm.Tests.Support;

/// <summary>A mixture of experts with random weights of a type, small enough to make in a test: three layers, six experts, three for a token.</summary>
internal sealed class TinyMixture : IDisposable
{
    public const int Layers = 3;

    private const int Embd = 256, Width = 256, Experts = 6, Heads = 4, HeadsKv = 2, HeadDim = 64, Vocab = 131;

    private static readonly string[] s_biased = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"];

    private readonly GgufWriter _writer = new();
    private readonly List<Tensor> _tensors = [];

    /// <summary>Writes the file.</summary>
    /// <param name="architecture">qwen3moe, qwen2moe (a shared expert with a gate), glm4moe (sigmoids, a bias of the choice, a shared expert, a dense
    /// layer first) or gpt-oss (biases).</param>
    /// <param name="type">Of the matrices.</param>
    /// <param name="experts">Of the experts' matrices.</param>
    public TinyMixture(string architecture, GgmlType type, GgmlType experts)
    {
        AddMetadata(architecture);
        Add("token_embd.weight", type, Embd, Vocab);
        Add("output_norm.weight", GgmlType.F32, Embd);
        Add("output.weight", type, Embd, Vocab);
        for (int il = 0; il < Layers; il++) AddLayer(architecture, $"blk.{il}.", type, experts, architecture == "glm4moe" && il == 0);
        foreach (Tensor tensor in _tensors) _writer.AddTensor(tensor.Name, tensor.Type, tensor.Ne0, tensor.Ne1, tensor.Ne2);
        File = Path.GetTempFileName();
        using FileStream stream = System.IO.File.Create(File);
        _writer.WriteTo(stream, (tensor, output) => output.Write(TinyModel.Data(tensor)));
    }

    public string File { get; }

    public void Dispose() => System.IO.File.Delete(File);

    private void AddMetadata(string architecture)
    {
        _writer.AddMetadata("general.architecture", architecture);
        (string Key, int Value)[] numbers =
        [
            ("context_length", 512), ("embedding_length", Embd), ("block_count", Layers), ("feed_forward_length", 512), ("attention.head_count", Heads),
            ("attention.head_count_kv", HeadsKv), ("attention.key_length", HeadDim), ("attention.value_length", HeadDim), ("rope.dimension_count", HeadDim),
            ("expert_count", Experts), ("expert_used_count", 3), ("expert_feed_forward_length", Width),
        ];
        foreach ((string key, int value) in numbers) _writer.AddMetadata($"{architecture}.{key}", value);
        _writer.AddMetadata($"{architecture}.attention.layer_norm_rms_epsilon", 1e-5f);
        if (architecture == "qwen2moe") _writer.AddMetadata("qwen2moe.expert_shared_feed_forward_length", 512);
        if (architecture == "gpt-oss") _writer.AddMetadata("gpt-oss.attention.sliding_window", 16);
        if (architecture != "glm4moe") return;
        _writer.AddMetadata("glm4moe.leading_dense_block_count", 1);
        _writer.AddMetadata("glm4moe.expert_shared_count", 1);
        _writer.AddMetadata("glm4moe.expert_gating_func", 2);
        _writer.AddMetadata("glm4moe.expert_weights_norm", true);
        _writer.AddMetadata("glm4moe.expert_weights_scale", 2.5f);
    }

    private void AddLayer(string architecture, string prefix, GgmlType type, GgmlType experts, bool dense)
    {
        int first = _tensors.Count;
        Add(prefix + "attn_norm.weight", GgmlType.F32, Embd);
        Add(prefix + "attn_q.weight", type, Embd, Heads * HeadDim);
        Add(prefix + "attn_k.weight", type, Embd, HeadsKv * HeadDim);
        Add(prefix + "attn_v.weight", type, Embd, HeadsKv * HeadDim);
        Add(prefix + "attn_output.weight", type, Heads * HeadDim, Embd);
        if (architecture is "qwen3moe" or "glm4moe")
        {
            Add(prefix + "attn_q_norm.weight", GgmlType.F32, HeadDim);
            Add(prefix + "attn_k_norm.weight", GgmlType.F32, HeadDim);
        }
        if (architecture == "gpt-oss") Add(prefix + "attn_sinks.weight", GgmlType.F32, Heads);
        Add(prefix + (architecture is "gpt-oss" or "glm4moe" ? "post_attention_norm.weight" : "ffn_norm.weight"), GgmlType.F32, Embd);
        if (dense) AddNetwork(prefix, "", type, 512);
        if (!dense) Add(prefix + "ffn_gate_inp.weight", GgmlType.F32, Embd, Experts);
        if (!dense) AddNetwork(prefix, "_exps", experts, Width, Experts);
        if (!dense && architecture == "qwen2moe") AddNetwork(prefix, "_shexp", type, 512);
        if (!dense && architecture == "glm4moe") AddNetwork(prefix, "_shexp", type, Width);
        if (!dense && architecture == "qwen2moe") Add(prefix + "ffn_gate_inp_shexp.weight", GgmlType.F32, Embd);
        if (!dense && architecture == "glm4moe") Add(prefix + "exp_probs_b.bias", GgmlType.F32, Experts);
        if (architecture != "gpt-oss") return;
        foreach (Tensor matrix in _tensors.GetRange(first, _tensors.Count - first))
            if (Array.Exists(s_biased, name => matrix.Name == $"{prefix}{name}.weight"))
                Add(matrix.Name.Replace(".weight", ".bias", StringComparison.Ordinal), GgmlType.F32, matrix.Ne1, matrix.Ne2);
    }

    private void AddNetwork(string prefix, string suffix, GgmlType type, int width, int count = 1)
    {
        Add($"{prefix}ffn_gate{suffix}.weight", type, Embd, width, count);
        Add($"{prefix}ffn_up{suffix}.weight", type, Embd, width, count);
        Add($"{prefix}ffn_down{suffix}.weight", type, width, Embd, count);
    }

    private void Add(string name, GgmlType type, long ne0, long ne1 = 1, long ne2 = 1) => _tensors.Add(new Tensor(name, type, 0, ne0, ne1, ne2));
}
