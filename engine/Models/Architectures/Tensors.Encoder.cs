using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>Encoders, and what becomes of a text's vectors.</summary>
internal sealed unsafe partial class Tensors
{
    /// <summary>An encoder around these layers. It has no logits.</summary>
    public ModelSpec Encoder(Func<int, LayerSpec> layer, Func<Embedding, Embedding> embedding, Norm? outputNorm = null)
    {
        int layers = keys.LayerCount, vocab = VocabSize();
        Linear tokens = Linear("token_embd", _embd, vocab);
        var model = new ModelSpec
        {
            Architecture = architecture, ContextLength = keys.ContextLength, Embedding = embedding(new Embedding(tokens.Weight)), Layers = Layers(layer),
            OutputNorm = outputNorm, Output = tokens, HasLogits = false, Pooling = Pooling(),
            Matrices = _matrices,
        };
        _bound.Add("output.weight"); // of a decoder beside it
        RejectUnused(layers);
        return model;
    }

    /// <summary>Embeddings with the row of the type that text has, then a norm.</summary>
    public Embedding WithTypeAndNorm(Embedding embedding) => embedding with
    {
        Type = Types() with { Ne1 = 1 }, Norm = Norm(NormKind.Layer, "token_embd_norm"),
    };

    /// <summary>Whether a layer's network has a gate, by itself or in the first half of ffn_up.</summary>
    public bool HasGate(int il) => Has(il, "ffn_gate") || file.GetTensor($"blk.{il}.ffn_up.weight").Ne1 > keys.FeedForwardLength(il);

    private Tensor Types()
    {
        const string Name = "token_types.weight";
        long count = file.GetTensor(Name).Ne1;
        return count is >= 1 and <= 1 << 16 ? FloatMatrix(Name, _embd, count)
            : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {Name}: expected 1 to {1 << 16} rows, found {count}");
    }

    // Scores come from the head's matrices; embeddings may go through further ones.
    private PoolingSpec Pooling()
    {
        Pooling kind = keys.PoolingType, row = kind;
        var steps = new List<HeadStep>();
        if (kind == Models.Pooling.Rank)
        {
            row = Models.Pooling.Cls;
            if (HeadMatrix("cls", _embd) is { } dense)
            {
                Norm? norm = Has("cls.norm.weight") ? Norm(NormKind.Layer, "cls.norm", dense.OutputLength) : null;
                steps.Add(new HeadStep(dense, Elementwise.Tanh, norm));
            }
            if (HeadMatrix("cls.output", steps.Count > 0 ? steps[^1].Linear.OutputLength : _embd) is { } output) steps.Add(new HeadStep(output));
            if (steps.Count == 0)
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: a model that ranks needs tensor cls.weight or cls.output.weight");
        }
        else
        {
            foreach (string name in (string[])["dense_2", "dense_3"])
                if (HeadMatrix(name, steps.Count > 0 ? steps[^1].Linear.OutputLength : _embd) is { } dense) steps.Add(new HeadStep(dense));
        }
        return new PoolingSpec(kind, row, [.. steps]);
    }

    private Linear? HeadMatrix(string name, int k)
    {
        if (!Has(name + ".weight")) return null;
        long rows = file.GetTensor(name + ".weight").Ne1;
        return rows is >= 1 and <= 1 << 20 ? Linear(name, k, rows)
            : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {name}.weight: expected 1 to {1 << 20} rows, found {rows}");
    }

    // What a file says of models whose tokens see those behind them.
    private LayerSpec BothDirections(LayerSpec layer) => layer.Mixer is AttentionSpec { Config.Window: int.MaxValue } attention
        ? layer with { Mixer = attention with { Config = attention.Config with { BothDirections = true } } }
        : throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: key {architecture}.attention.causal: false is supported for full attention only");

    // Layers that read others' keys must find there what they expect.
    private void CheckSharedCaches(LayerSpec[] layers)
    {
        for (int il = 0; il < layers.Length; il++)
        {
            if (layers[il].Mixer is not AttentionSpec { CacheOf: { } of } reader) continue;
            if (of < 0 || of >= layers.Length || layers[of].Mixer is not AttentionSpec { CacheOf: null } owner || !Same(reader.Config, owner.Config))
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: layer {il} reads the keys of layer {of}, which has none of its shape");
        }

        static bool Same(AttentionConfig a, AttentionConfig b) =>
            (a.HeadCountKv, a.KeyLength, a.ValueLength, a.Window) == (b.HeadCountKv, b.KeyLength, b.ValueLength, b.Window);
    }
}
