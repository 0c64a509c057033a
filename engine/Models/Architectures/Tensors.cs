using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>Binds a model's tensors by name, each checked against the shape and type expected. What is left over at the end would have
/// been ignored, so it is an error.</summary>
internal sealed unsafe partial class Tensors(GgufFile file, string architecture, Keys keys)
{
    private readonly HashSet<string> _bound = [];
    private readonly Dictionary<string, Tensor> _matrices = [];
    private readonly int _embd = keys.EmbeddingLength;

    /// <summary>Whether the file has a tensor.</summary>
    public bool Has(string name) => file.TryGetTensor(name, out _);

    /// <summary>Whether the file has a tensor of a layer, without its ".weight".</summary>
    public bool Has(int il, string name) => Has($"blk.{il}.{name}.weight");

    /// <summary>A decoder around these layers: embedding, output norm, and an output matrix that may be the embedding's.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, from here and all others.</exception>
    public ModelSpec Decoder(
        Func<int, LayerSpec> layer, NormKind norm = NormKind.Rms, Norm? outputNorm = null, Func<Embedding, Embedding>? embedding = null,
        float embeddingScale = 1, float logitScale = 1, int perLayer = 0)
    {
        int layers = keys.LayerCount, vocab = VocabSize();
        Linear tokens = Linear("token_embd", _embd, vocab);
        var entry = new Embedding(tokens.Weight) { Scale = embeddingScale };
        LayerSpec[] specs = Layers(layer);
        var model = new ModelSpec
        {
            Architecture = architecture,
            ContextLength = keys.ContextLength,
            Embedding = embedding?.Invoke(entry) ?? entry,
            PerLayer = perLayer == 0 ? null : PerLayer(perLayer, (long)perLayer * layers, vocab),
            Layers = keys.IsCausal ? specs : Array.ConvertAll(specs, BothDirections),
            OutputNorm = outputNorm ?? Norm(norm, "output_norm"),
            Output = Output(tokens, vocab) with { Scale = logitScale },
            Pooling = Pooling(),
            Matrices = _matrices,
        };
        CheckSharedCaches(model.Layers);
        RejectUnused(layers);
        return model;
    }

    private LayerSpec[] Layers(Func<int, LayerSpec> layer)
    {
        var specs = new List<LayerSpec>(); // grows with what the file really holds
        for (int il = 0; il < keys.LayerCount; il++) specs.Add(layer(il));
        return [.. specs];
    }

    // A table and a projection of the embedding, both of n values for each layer.
    private PerLayerSpec PerLayer(int n, long all, int vocab) => new(
        WithKernels(Bind("per_layer_token_embd.weight", all, vocab)), Linear("per_layer_model_proj", _embd, all), Norm(NormKind.Rms, "per_layer_proj_norm", n));

    /// <summary>Learned positions: a row for each of the context.</summary>
    public Tensor Positions() => FloatMatrix("position_embd.weight", _embd, keys.ContextLength);

    /// <summary>An RMSNorm of a layer.</summary>
    public Norm RmsNorm(int il, string name) => Norm(NormKind.Rms, $"blk.{il}.{name}");

    /// <summary>A LayerNorm of a layer.</summary>
    public Norm LayerNorm(int il, string name) => Norm(NormKind.Layer, $"blk.{il}.{name}");

    /// <summary>A norm over a row of the residual stream, with a bias if the file has one.</summary>
    public Norm Norm(NormKind kind, string name) => Norm(kind, name, _embd);

    /// <summary>A norm over rows of n values.</summary>
    public Norm Norm(NormKind kind, string name, long n) =>
        new(kind, Vector(name + ".weight", n), OptionalVector(name + ".bias", n), kind == NormKind.Rms ? keys.RmsEpsilon : keys.LayerNormEpsilon);

    /// <summary>A matrix w[rows, k] of any format there are kernels for, with its bias and its factor if the file has them.</summary>
    public Linear Linear(string name, long k, long rows)
    {
        Tensor weight = Matrix(Bind(name + ".weight", k, rows));
        float scale = Has(name + ".scale") && file.GetTensor(name + ".scale").Elements == 1 ? Value(name + ".scale") : 1;
        return new Linear(weight, OptionalVector(name + ".bias", rows)) { WeightScale = scale };
    }

    /// <summary>A tensor of one number.</summary>
    public float Value(string name) => *(float*)Vector(name, 1).Pointer;

    // A matrix to multiply with.
    private Tensor Matrix(Tensor weight)
    {
        WithKernels(weight);
        _matrices[weight.Name] = weight;
        return weight;
    }

    private Tensor WithKernels(Tensor weight) => KernelTable.FindFormat(weight.Type) is not null
        ? weight : throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: tensor {weight.Name} is of type {weight.Type}, which has no kernels");

    /// <summary>n floats: a norm, a bias or a table of factors.</summary>
    public Tensor Vector(string name, long n) => Floats(name, Bind(name, n, 1));

    private Tensor? OptionalVector(string name, long n) => Has(name) ? Vector(name, n) : null;

    /// <summary>Rows of floats.</summary>
    public Tensor FloatMatrix(string name, long k, long rows) => Floats(name, Bind(name, k, rows));

    private Tensor Floats(string name, Tensor tensor) => tensor.Type == GgmlType.F32
        ? tensor : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {name}: expected type F32, found {tensor.Type}");

    private Linear Output(Linear tokens, int vocab) =>
        Has("output.weight") ? Linear("output", _embd, vocab) : tokens with { Bias = OptionalVector("output.bias", vocab) };

    /// <summary>Rows of the token embedding.</summary>
    public int VocabSize()
    {
        long rows = file.GetTensor("token_embd.weight").Ne1;
        if (rows is < 1 or > 1 << 24)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor token_embd.weight: expected 1 to {1 << 24} rows, found {rows}");
        return (int)rows;
    }

    // Of layers that are not executed, and of very old files, some tensors have no use.
    private void RejectUnused(int layers)
    {
        foreach (Tensor tensor in file.Tensors)
            if (!_bound.Contains(tensor.Name) && LayerOf(tensor.Name) < layers && !tensor.Name.EndsWith(".attn_rot_embd", StringComparison.Ordinal))
                throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: tensor {tensor.Name} has no place in architecture {architecture}");
    }

    private static int LayerOf(string name)
    {
        string[] parts = name.Split('.', 3);
        return parts is ["blk", var layer, _] && int.TryParse(layer, out int il) ? il : -1;
    }

    private Tensor Bind(string name, long ne0, long ne1, long ne2 = 1)
    {
        Tensor tensor = file.GetTensor(name);
        if (tensor.Ne0 != ne0 || tensor.Ne1 != ne1 || tensor.Ne2 != ne2 || tensor.Ne3 != 1)
            throw new EdgeLlmException(ErrorCode.InvalidFile, ne2 == 1
                ? $"{file.Path}: tensor {name}: expected dimensions [{ne0}, {ne1}], found [{tensor.Ne0}, {tensor.Ne1}, {tensor.Ne2}, {tensor.Ne3}]"
                : $"{file.Path}: tensor {name}: expected dimensions [{ne0}, {ne1}, {ne2}], found [{tensor.Ne0}, {tensor.Ne1}, {tensor.Ne2}, {tensor.Ne3}]");
        _bound.Add(name);
        return tensor;
    }
}
