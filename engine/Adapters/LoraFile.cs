using Edge.Llm.Kernels;

namespace Edge.Llm.Adapters;

/// <summary>Reads an adapter's file, as llama.cpp's convert_lora_to_gguf writes it: for a tensor NAME of the model, NAME.lora_a and
/// NAME.lora_b. Each must fit a matrix that the model multiplies with.</summary>
internal sealed class LoraFile
{
    private const string A = ".lora_a", B = ".lora_b", TokenTable = "token_embd.weight";
    private const int MaxRank = 1 << 16;

    private readonly GgufFile _file, _model;
    private readonly IReadOnlyDictionary<string, Tensor> _matrices;

    private LoraFile(GgufFile file, GgufFile model, IReadOnlyDictionary<string, Tensor> matrices) => (_file, _model, _matrices) = (file, model, matrices);

    /// <summary>adapter.lora.alpha.</summary>
    public float Alpha { get; private set; }

    /// <summary>The pairs by the model's tensors.</summary>
    public Dictionary<string, LoraPair> Pairs { get; } = [];

    /// <summary>The room that their products need.</summary>
    public AdapterWidths Widths { get; private set; }

    /// <summary>Reads and checks a file.</summary>
    /// <param name="file">The adapter's file.</param>
    /// <param name="model">The model's.</param>
    /// <param name="architecture">The model's architecture.</param>
    /// <param name="matrices">What the model multiplies with, by name.</param>
    /// <exception cref="EdgeLlmException">InvalidFile: it is no adapter, or damaged. InvalidArgument: of another model. Unsupported.</exception>
    public static LoraFile Read(GgufFile file, GgufFile model, string architecture, IReadOnlyDictionary<string, Tensor> matrices)
    {
        var read = new LoraFile(file, model, matrices);
        read.ReadKeys(architecture);
        read.ReadPairs();
        return read;
    }

    private void ReadKeys(string architecture)
    {
        Expect("general.type", "adapter", ErrorCode.InvalidFile);
        Expect("adapter.type", "lora", ErrorCode.Unsupported);
        Expect("general.architecture", architecture, ErrorCode.InvalidArgument);
        if (_file.Metadata.Contains("adapter.alora.invocation_tokens"))
            throw Error(ErrorCode.Unsupported, "key adapter.alora.invocation_tokens: adapters that begin at invocation tokens (aLoRA) are not supported");
        Alpha = _file.Metadata.GetFloat("adapter.lora.alpha", 0);
        if (!float.IsFinite(Alpha)) throw Error(ErrorCode.InvalidFile, FormattableString.Invariant($"key adapter.lora.alpha: expected a finite number, found {Alpha}"));
    }

    private void Expect(string key, string expected, ErrorCode code)
    {
        string found = _file.Metadata.GetString(key, "");
        if (found != expected) throw Error(code, $"key {key}: expected '{expected}', found '{found}'");
    }

    private void ReadPairs()
    {
        if (_file.Tensors.Count == 0) throw Error(ErrorCode.InvalidFile, "the adapter has no tensors");
        foreach (Tensor tensor in _file.Tensors)
        {
            bool isA = tensor.Name.EndsWith(A, StringComparison.Ordinal);
            if (!isA && !tensor.Name.EndsWith(B, StringComparison.Ordinal))
                throw Error(ErrorCode.Unsupported, $"tensor {tensor.Name}: expected a name that ends with {A} or {B}");
            string name = tensor.Name[..^A.Length], other = name + (isA ? B : A);
            if (!_file.TryGetTensor(other, out Tensor partner)) throw Error(ErrorCode.InvalidFile, $"tensor {tensor.Name}: expected its partner {other}, found none");
            if (isA) Add(name, tensor, partner);
        }
    }

    private void Add(string name, Tensor a, Tensor b)
    {
        if (!_matrices.TryGetValue(name, out Tensor weight))
            throw Error(ErrorCode.InvalidArgument, _model.TryGetTensor(name, out _)
                ? $"tensor {a.Name}: expected the name of a matrix, found {name}, which the model does not multiply with"
                : $"tensor {a.Name}: the model has no tensor {name}");
        if (weight is { Ne2: > 1, Type: GgmlType.NVFP4 } && _model.TryGetTensor(name.Replace(".weight", ".scale", StringComparison.Ordinal), out _))
            throw Error(ErrorCode.Unsupported, $"tensor {a.Name}: {name} is of type NVFP4 with a scale for each expert: adapters of such tensors are not supported");
        bool isTable = name == TokenTable;
        if (isTable)
        {
            Check(a, b.Ne0, weight.Ne1, 1);
            Check(b, b.Ne0, weight.Ne0, 1);
        }
        else
        {
            Check(a, weight.Ne0, b.Ne0, weight.Ne2);
            Check(b, b.Ne0, weight.Ne1, weight.Ne2);
        }
        if (b.Ne0 > MaxRank) throw Error(ErrorCode.Unsupported, $"tensor {b.Name}: rank {b.Ne0}, expected at most {MaxRank}");
        Widths = AdapterWidths.Max(Widths, new AdapterWidths((int)b.Ne0, 0, 0));
        if (!isTable) Read(a);
        Read(b);
        Pairs.Add(name, new LoraPair(weight, a, b, Alpha == 0 ? 1 : Alpha / b.Ne0, isTable));
    }

    private void Check(Tensor tensor, long ne0, long ne1, long ne2)
    {
        if (KernelTable.FindFormat(tensor.Type) is null) throw Error(ErrorCode.Unsupported, $"tensor {tensor.Name} is of type {tensor.Type}, which has no kernels");
        if ((tensor.Ne0, tensor.Ne1, tensor.Ne2, tensor.Ne3) != (ne0, ne1, ne2, 1))
            throw Error(ErrorCode.InvalidArgument,
                $"tensor {tensor.Name}: expected dimensions [{ne0}, {ne1}, {ne2}], found [{tensor.Ne0}, {tensor.Ne1}, {tensor.Ne2}, {tensor.Ne3}]");
    }

    // A matrix will be multiplied with.
    private void Read(Tensor matrix)
    {
        int k = (int)matrix.Ne0;
        Widths = AdapterWidths.Max(Widths, KernelTable.FindFormat(matrix.Type)!.Activation switch
        {
            ActivationFormat.Q8_K => new AdapterWidths(0, k, 0),
            ActivationFormat.Q8_32 => new AdapterWidths(0, 0, k),
            _ => default,
        });
    }

    private EdgeLlmException Error(ErrorCode code, string message) => new(code, $"{_file.Path}: {message}");
}
