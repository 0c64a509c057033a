namespace Edge.Llm.Conversion;

/// <summary>A tensor to write and where its values come from.</summary>
/// <param name="Name">Its name in the GGUF file.</param>
/// <param name="Source">Its values.</param>
/// <param name="Type">The type to write.</param>
/// <param name="RowLength">Values a row.</param>
/// <param name="Rows">Rows; 1 for a vector.</param>
/// <param name="RotatedHeads">Heads whose halves become neighbours; 0: rows keep their places.</param>
internal sealed record ConvertedTensor(string Name, SourceTensor Source, GgmlType Type, long RowLength, long Rows, int RotatedHeads);

/// <summary>Which tensors of a checkpoint become which of a GGUF file, each checked for its shape; what is left over would have been ignored,
/// so it is an error.</summary>
internal sealed class TensorPlan
{
    private readonly Checkpoint _checkpoint;
    private readonly HfConfig _config;
    private readonly GgmlType? _type;
    private readonly string _base; // what the names of the model's own tensors begin with
    private readonly HashSet<string> _used = [];
    private readonly List<ConvertedTensor> _tensors = [];

    /// <summary>Plans; <paramref name="type"/> is that of matrices, or null for each one's own.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public TensorPlan(Checkpoint checkpoint, HfConfig config, GgmlType? type, List<string> notices)
    {
        _checkpoint = checkpoint;
        _config = config;
        _type = type;
        // A model that was saved without its head has names without "model.".
        _base = Has("embed_tokens.weight") && !Has("model.embed_tokens.weight") ? "" : "model.";
        VocabSize = FindVocabSize();
        Matrix("token_embd", _base + "embed_tokens", config.Hidden, VocabSize);
        for (int i = 0; i < config.Layers; i++) AddLayer($"blk.{i}.", $"{_base}layers.{i}.");
        Vector("output_norm.weight", _base + "norm.weight", config.Hidden);
        AddOutput(notices);
        RejectUnused();
    }

    /// <summary>The tensors in the order of the file.</summary>
    public IReadOnlyList<ConvertedTensor> Tensors => _tensors;

    /// <summary>Tokens that the model knows: rows of its embedding.</summary>
    public int VocabSize { get; }

    private void AddOutput(List<string> notices)
    {
        const string Head = "lm_head.weight";
        if (!Has(Head))
        {
            if (!_config.TiesEmbeddings) notices.Add($"no tensor {Head}, and tie_word_embeddings is not true: the embedding is the output matrix");
        }
        else if (!_config.TiesEmbeddings) Matrix("output", "lm_head", _config.Hidden, VocabSize);
        else if (!SourceTensor.AreSame(Use(Head, VocabSize, _config.Hidden), Find(_base + "embed_tokens.weight")))
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"tensor {Head} is not the embedding, and tie_word_embeddings is true; expected false, or no such tensor");
    }

    private void AddLayer(string to, string from)
    {
        HfConfig c = _config;
        int q = c.Heads * c.HeadDim, kv = c.HeadsKv * c.HeadDim;
        bool permutes = c.Family.PermutesHeads, qkvBias = c.Family.NeedsBias || c.AttentionBias;
        Vector($"{to}attn_norm.weight", $"{from}input_layernorm.weight", c.Hidden);
        Projection("attn_q", "self_attn.q_proj", c.Hidden, q, qkvBias, permutes ? c.Heads : 0);
        Projection("attn_k", "self_attn.k_proj", c.Hidden, kv, qkvBias, permutes ? c.HeadsKv : 0);
        Projection("attn_v", "self_attn.v_proj", c.Hidden, kv, qkvBias);
        if (c.Family.NormsHeads)
        {
            Vector($"{to}attn_q_norm.weight", $"{from}self_attn.q_norm.weight", c.HeadDim);
            Vector($"{to}attn_k_norm.weight", $"{from}self_attn.k_norm.weight", c.HeadDim);
        }
        Projection("attn_output", "self_attn.o_proj", q, c.Hidden, c.AttentionBias && !c.Family.NeedsBias);
        Vector($"{to}ffn_norm.weight", $"{from}post_attention_layernorm.weight", c.Hidden);
        Projection("ffn_gate", "mlp.gate_proj", c.Hidden, c.Intermediate, c.FeedForwardBias);
        Projection("ffn_up", "mlp.up_proj", c.Hidden, c.Intermediate, c.FeedForwardBias);
        Projection("ffn_down", "mlp.down_proj", c.Intermediate, c.Hidden, c.FeedForwardBias);

        void Projection(string name, string source, int inputs, int outputs, bool bias = false, int rotatedHeads = 0)
        {
            Matrix(to + name, from + source, inputs, outputs, rotatedHeads);
            if (bias) Vector($"{to}{name}.bias", $"{from}{source}.bias", outputs, rotatedHeads);
        }
    }

    private void Matrix(string name, string source, int inputs, int outputs, int rotatedHeads = 0)
    {
        SourceTensor tensor = Use(source + ".weight", outputs, inputs);
        GgmlType type = _type ?? tensor.Type!.Value;
        if (inputs % GgmlTypes.Get(type).BlockLength != 0) type = GgmlType.F16;
        _tensors.Add(new ConvertedTensor(name + ".weight", tensor, type, inputs, outputs, rotatedHeads));
    }

    private void Vector(string name, string source, int length, int rotatedHeads = 0) =>
        _tensors.Add(new ConvertedTensor(name, Use(source, length), GgmlType.F32, length, 1, rotatedHeads));

    private bool Has(string name) => _checkpoint.Find(name) is not null;

    private int FindVocabSize()
    {
        SourceTensor embedding = Find(_base + "embed_tokens.weight");
        if (embedding.Shape is not [> 0 and <= 1 << 24, _]) throw Wrong(embedding, $"[1 to {1 << 24}, {_config.Hidden}]");
        if (_config.VocabSize is { } size && size != embedding.Shape[0])
            throw Wrong(embedding, $"[{size}, {_config.Hidden}] by vocab_size of config.json");
        return (int)embedding.Shape[0];
    }

    private SourceTensor Use(string name, params long[] shape)
    {
        SourceTensor tensor = Find(name);
        if (!tensor.Shape.AsSpan().SequenceEqual(shape)) throw Wrong(tensor, $"[{string.Join(", ", shape)}]");
        if (tensor.Type is null)
            throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{tensor.File.Path}: tensor {name}: dtype {tensor.TypeName}; there are: F32, F16, BF16");
        _used.Add(name);
        return tensor;
    }

    private SourceTensor Find(string name) =>
        _checkpoint.Find(name) ?? throw new EdgeLlmException(ErrorCode.InvalidFile, $"missing tensor {name} in the safetensors files");

    private void RejectUnused()
    {
        foreach (string name in _checkpoint.Names)
            if (!_used.Contains(name) && !name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal)) // older checkpoints store what theta says
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"tensor {name} has no place in architecture {_config.Family.Architecture} as config.json describes it");
    }

    private static EdgeLlmException Wrong(SourceTensor tensor, string expected) =>
        new(ErrorCode.InvalidFile, $"{tensor.File.Path}: tensor {tensor.Name}: expected shape {expected}, found [{string.Join(", ", tensor.Shape)}]");
}
