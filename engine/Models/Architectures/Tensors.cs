using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>Binds a model's tensors by name, each checked against the shape and type expected. What is left over at the end would have
/// been ignored, so it is an error.</summary>
internal sealed unsafe class Tensors(GgufFile file, string architecture)
{
    private readonly HashSet<string> _bound = [];

    /// <summary>Whether the file has a tensor.</summary>
    public bool Has(string name) => file.TryGetTensor(name, out _);

    /// <summary>A decoder around these layers: embedding, output norm, and an output matrix that may be the embedding's.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported, from here and all others.</exception>
    public ModelSpec Decoder(Keys keys, Func<int, LayerSpec> layer)
    {
        int embd = keys.EmbeddingLength, layers = keys.BlockCount, vocab = VocabSize();
        Linear embedding = Linear("token_embd", embd, vocab);
        var specs = new List<LayerSpec>(); // grows with what the file really holds
        for (int il = 0; il < layers; il++) specs.Add(layer(il));
        var model = new ModelSpec
        {
            Architecture = architecture,
            ContextLength = keys.ContextLength,
            TokenEmbd = embedding.Weight,
            Layers = [.. specs],
            OutputNorm = RmsNorm("output_norm", embd, keys.RmsEpsilon),
            Output = Has("output.weight") ? Linear("output", embd, vocab) : embedding,
        };
        RejectUnused();
        return model;
    }

    /// <summary>Attention with a matrix each for q, k, v and the output.</summary>
    public AttentionSpec Attention(int il, AttentionConfig config, int embd) => new(config,
        Linear($"blk.{il}.attn_q", embd, config.HeadCount * config.KeyLength),
        Linear($"blk.{il}.attn_k", embd, config.HeadCountKv * config.KeyLength),
        Linear($"blk.{il}.attn_v", embd, config.HeadCountKv * config.ValueLength),
        Linear($"blk.{il}.attn_output", config.HeadCount * config.ValueLength, embd));

    /// <summary>A gated feed-forward network.</summary>
    public GatedSpec Gated(int il, int embd, int ff) => new(
        Linear($"blk.{il}.ffn_gate", embd, ff), Linear($"blk.{il}.ffn_up", embd, ff), Linear($"blk.{il}.ffn_down", ff, embd));

    /// <summary>An RMSNorm.</summary>
    public Norm RmsNorm(string name, int n, float epsilon) => new(NormKind.Rms, Vector(name + ".weight", n), null, epsilon);

    /// <summary>A matrix w[rows, k] of any format there are kernels for, with its bias if the file has one.</summary>
    public Linear Linear(string name, long k, long rows)
    {
        Tensor weight = Bind(name + ".weight", k, rows);
        if (KernelTable.FindFormat(weight.Type) is null)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: tensor {weight.Name} is of type {weight.Type}, which has no kernels");
        return new Linear(weight, Has(name + ".bias") ? Vector(name + ".bias", rows) : null);
    }

    /// <summary>The divisors of rotary frequencies, or an empty array.</summary>
    public float[] RopeFactors(string name, int pairs)
    {
        if (!Has(name + ".weight")) return [];
        Tensor tensor = Vector(name + ".weight", pairs);
        float[] factors = new ReadOnlySpan<float>(tensor.Pointer, (int)tensor.Ne0).ToArray();
        return Array.TrueForAll(factors, factor => float.IsFinite(factor) && factor > 0)
            ? factors
            : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {tensor.Name}: expected factors above 0");
    }

    // n floats: a norm, a bias or a table of factors.
    private Tensor Vector(string name, long n)
    {
        Tensor tensor = Bind(name, n, 1);
        if (tensor.Type != GgmlType.F32)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {name}: expected type F32, found {tensor.Type}");
        return tensor;
    }

    private int VocabSize()
    {
        long rows = file.GetTensor("token_embd.weight").Ne1;
        if (rows is < 1 or > 1 << 24)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor token_embd.weight: expected 1 to {1 << 24} rows, found {rows}");
        return (int)rows;
    }

    private void RejectUnused()
    {
        foreach (Tensor tensor in file.Tensors)
            if (!_bound.Contains(tensor.Name))
                throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: tensor {tensor.Name} has no place in architecture {architecture}");
    }

    private Tensor Bind(string name, long ne0, long ne1)
    {
        Tensor tensor = file.GetTensor(name);
        if (tensor.Ne0 != ne0 || tensor.Ne1 != ne1 || tensor.Ne2 != 1 || tensor.Ne3 != 1)
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{file.Path}: tensor {name}: expected dimensions [{ne0}, {ne1}], found [{tensor.Ne0}, {tensor.Ne1}, {tensor.Ne2}, {tensor.Ne3}]");
        _bound.Add(name);
        return tensor;
    }
}
