namespace Edge.Llm.Conversion;

/// <summary>Which tensors of a checkpoint become which of a GGUF file, each checked for its shape; what is left over would have been ignored,
/// so it is an error.</summary>
internal sealed class TensorPlan
{
    /// <summary>What the names of the model's own tensors may begin with: a model that was saved without its head, or with images, has others.</summary>
    private static readonly string[] s_bases = ["model.", "", "language_model.model.", "model.language_model.", "bert."];

    /// <summary>Older checkpoints store what theta says, and positions counted up; models of images have a part for these.</summary>
    private static readonly string[] s_unneeded = [".rotary_emb.inv_freq", "embeddings.position_ids"];
    private static readonly string[] s_images = ["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."];

    private readonly Checkpoint _checkpoint;
    private readonly HfConfig _config;
    private readonly GgmlType? _type;
    private readonly string _base;
    private readonly HashSet<string> _used = [];
    private readonly List<ConvertedTensor> _tensors = [];

    /// <summary>Plans; <paramref name="type"/> is that of matrices, or null for each one's own.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public TensorPlan(Checkpoint checkpoint, HfConfig config, GgmlType? type)
    {
        _checkpoint = checkpoint;
        _config = config;
        _type = type;
        string embedding = config.Family.Embedding + ".weight";
        _base = Array.Find(s_bases, name => Has(name + embedding)) ?? s_bases[0];
        VocabSize = FindVocabSize(_base + embedding);
        if (config.Rope is { } rope) _tensors.AddRange(rope.Factors(config));
        Matrix("token_embd.weight", _base + embedding, config.Hidden, VocabSize);
        config.Family.Edges(new LayerTensors(this, config, "", _base));
        for (int i = 0; i < config.Layers; i++)
            config.Family.Layer(new LayerTensors(this, config, $"blk.{i}.", $"{_base}{config.Family.LayerName}.{i}."));
        if (!config.Family.IsEncoder)
        {
            new LayerTensors(this, config, "", _base).Norm("output_norm", "norm");
            AddOutput(_base + embedding);
        }
        RejectUnused();
    }

    /// <summary>The tensors in the order of the file.</summary>
    public IReadOnlyList<ConvertedTensor> Tensors => _tensors;

    /// <summary>Tokens that the model knows: rows of its embedding.</summary>
    public int VocabSize { get; }

    /// <summary>Plans a matrix; heads that rotate have halves whose rows become neighbours.</summary>
    public void Matrix(string name, string source, int inputs, int outputs, int rotatedHeads = 0, GgmlType? type = null)
    {
        SourceTensor tensor = Use(source, outputs, inputs);
        Add(name, tensor, [inputs, outputs], row => new SourcePiece(tensor, RowOf(row, outputs, rotatedHeads) * inputs), type);
    }

    /// <summary>Plans a vector.</summary>
    public void Vector(string name, string source, int length, int rotatedHeads = 0, float plus = 0)
    {
        SourceTensor tensor = Use(source, length);
        _tensors.Add(rotatedHeads == 0
            ? new ConvertedTensor(name, GgmlType.F32, [length], length, _ => new SourcePiece(tensor, 0)) { Plus = plus }
            : new ConvertedTensor(name, GgmlType.F32, [length], 1, i => new SourcePiece(tensor, RowOf(i, length, rotatedHeads))));
    }

    /// <summary>Plans matrices whose rows lie anywhere, in the type of all matrices unless another one is given.</summary>
    public void Add(string name, SourceTensor source, long[] shape, Func<long, SourcePiece> rows, GgmlType? type = null)
    {
        GgmlType written = type ?? _type ?? source.Type!.Value;
        if (shape[0] % GgmlTypes.Get(written).BlockLength != 0) written = GgmlType.F16;
        Add(new ConvertedTensor(name, written, shape, shape[0], rows));
    }

    /// <summary>Plans a tensor.</summary>
    public void Add(ConvertedTensor tensor) => _tensors.Add(tensor);

    /// <summary>Whether the checkpoint has a tensor.</summary>
    public bool Has(string name) => _checkpoint.Find(name) is not null;

    /// <summary>A tensor of floats of a shape, whose use makes it belong to the model.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public SourceTensor Use(string name, params long[] shape)
    {
        SourceTensor tensor = Find(name);
        CheckShape(tensor, shape);
        if (tensor.Type is null)
            throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{tensor.File.Path}: tensor {name}: dtype {tensor.TypeName}; there are: F32, F16, BF16");
        return tensor;
    }

    /// <summary>The same of bytes.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public SourceTensor UseBytes(string name, params long[] shape)
    {
        SourceTensor tensor = Find(name);
        CheckShape(tensor, shape);
        return tensor.TypeName == "U8"
            ? tensor : throw new EdgeLlmException(ErrorCode.Unsupported, $"{tensor.File.Path}: tensor {name}: dtype {tensor.TypeName}, expected U8");
    }

    /// <summary>Where a row of <paramref name="rows"/> rows comes from: in each head, the first row of the second half follows that of the first half,
    /// and so on.</summary>
    internal static long RowOf(long row, long rows, int heads)
    {
        if (heads == 0) return row;
        long headDim = rows / heads, head = row / headDim, place = row % headDim;
        return (head * headDim) + (place % 2 * (headDim / 2)) + (place / 2);
    }

    private void AddOutput(string embedding)
    {
        string head = _base.StartsWith("language_model.", StringComparison.Ordinal) ? "language_model.lm_head.weight" : "lm_head.weight";
        if (!Has(head))
        {
            if (!_config.TiesEmbeddings)
                _config.Notices.Add($"no tensor {head}, and tie_word_embeddings is not true: the embedding is the output matrix");
        }
        else if (!_config.TiesEmbeddings) Matrix("output.weight", head, _config.Hidden, VocabSize);
        else if (!SourceTensor.AreSame(Use(head, VocabSize, _config.Hidden), Find(embedding)))
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"tensor {head} is not the embedding, and tie_word_embeddings is true; expected false, or no such tensor");
    }

    private int FindVocabSize(string name)
    {
        SourceTensor embedding = Find(name);
        if (embedding.Shape is not [> 0 and <= 1 << 24, _]) throw Wrong(embedding, $"[1 to {1 << 24}, {_config.Hidden}]");
        if (_config.VocabSize is { } size && size != embedding.Shape[0])
            throw Wrong(embedding, $"[{size}, {_config.Hidden}] by vocab_size of config.json");
        return (int)embedding.Shape[0];
    }

    private SourceTensor Find(string name)
    {
        _used.Add(name);
        return _checkpoint.Find(name) ?? throw new EdgeLlmException(ErrorCode.InvalidFile, $"missing tensor {name} in the safetensors files");
    }

    private void RejectUnused()
    {
        int images = 0;
        foreach (string name in _checkpoint.Names.Where(name => !_used.Contains(name)))
        {
            if (_config.HasImages && Array.Exists(s_images, part => name.StartsWith(part, StringComparison.Ordinal))) images++;
            else if (!Array.Exists(s_unneeded, end => name.EndsWith(end, StringComparison.Ordinal))
                && !Array.Exists(_config.Family.Unneeded, part => name.StartsWith(part, StringComparison.Ordinal)
                    || name.StartsWith(_base + part, StringComparison.Ordinal)))
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"tensor {name} has no place in architecture {_config.Family.Architecture} as config.json describes it");
        }
        if (images > 0) _config.Notices.Add($"{images} tensors for images are left out: the file is the text part of the model");
    }

    private static void CheckShape(SourceTensor tensor, long[] shape)
    {
        if (!tensor.Shape.AsSpan().SequenceEqual(shape)) throw Wrong(tensor, $"[{string.Join(", ", shape)}]");
    }

    private static EdgeLlmException Wrong(SourceTensor tensor, string expected) =>
        new(ErrorCode.InvalidFile, $"{tensor.File.Path}: tensor {tensor.Name}: expected shape {expected}, found [{string.Join(", ", tensor.Shape)}]");
}
