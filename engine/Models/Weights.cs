namespace Edge.Llm.Models;

/// <summary>The tensors of one layer, under llama.cpp's names (blk.N.attn_norm.weight ...).</summary>
internal sealed record LayerWeights
{
    /// <summary>RMSNorm before attention.</summary>
    public required Tensor AttnNorm { get; init; }

    /// <summary>Queries.</summary>
    public required Tensor AttnQ { get; init; }

    /// <summary>Keys.</summary>
    public required Tensor AttnK { get; init; }

    /// <summary>Values.</summary>
    public required Tensor AttnV { get; init; }

    /// <summary>Output projection of attention.</summary>
    public required Tensor AttnOutput { get; init; }

    /// <summary>RMSNorm before the feed-forward network.</summary>
    public required Tensor FfnNorm { get; init; }

    /// <summary>Gate of the feed-forward network.</summary>
    public required Tensor FfnGate { get; init; }

    /// <summary>What the gate multiplies.</summary>
    public required Tensor FfnUp { get; init; }

    /// <summary>Back to the embedding's width.</summary>
    public required Tensor FfnDown { get; init; }
}

/// <summary>The tensors of a model: views of the file, never copies.</summary>
internal sealed record Weights
{
    /// <summary>One row a token.</summary>
    public required Tensor TokenEmbd { get; init; }

    /// <summary>The layers.</summary>
    public required LayerWeights[] Layers { get; init; }

    /// <summary>RMSNorm before the output.</summary>
    public required Tensor OutputNorm { get; init; }

    /// <summary>Logits; the token embedding itself in models that tie the two.</summary>
    public required Tensor Output { get; init; }

    /// <summary>Divisors of the rotary frequencies (rope_freqs), or empty.</summary>
    public float[] RopeFreqs { get; init; } = [];

    /// <summary>Every tensor that activations are multiplied with.</summary>
    public IEnumerable<Tensor> Matrices()
    {
        foreach (LayerWeights layer in Layers)
        {
            yield return layer.AttnQ;
            yield return layer.AttnK;
            yield return layer.AttnV;
            yield return layer.AttnOutput;
            yield return layer.FfnGate;
            yield return layer.FfnUp;
            yield return layer.FfnDown;
        }
        yield return Output;
    }
}
