namespace Edge.Llm.Models.Architectures;

/// <summary>Qwen 1 to 3, and others that rotate in sections.</summary>
internal static class Qwen
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("qwen", "Qwen 1", Qwen1),
        new("qwen2", "Qwen 1.5, 2, 2.5, QwQ, DeepSeek-R1-Distill-Qwen", (keys, tensors) => Read(keys, tensors, QkNorm.None)),
        new("qwen3", "Qwen3, Qwen3-Embedding, Qwen3-Reranker", (keys, tensors) => LastAsProbability(Read(keys, tensors, QkNorm.Rms))),
        new("qwen2vl", "Qwen2-VL, Qwen2.5-VL, Qwen2.5-Omni", Qwen2Vl),
        new("qwen3vl", "Qwen3-VL, Qwen3-ASR", Qwen3Vl),
        new("paddleocr", "PaddleOCR-VL", PaddleOcr),
    ];

    private static ModelSpec Read(Keys keys, Tensors tensors, QkNorm norm) => tensors.Decoder(il =>
        tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Neox), norm), tensors.Gated(il, Activation.Silu)));

    // feed_forward_length counts gate and up together.
    private static ModelSpec Qwen1(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)), tensors.Gated(il, Activation.Silu, keys.FeedForwardLength(il) / 2)));

    // The reference reads neither epsilon nor the output's bias.
    private static ModelSpec Qwen2Vl(Keys keys, Tensors tensors)
    {
        ModelSpec model = Sections(keys, tensors, QkNorm.None, interleaved: false);
        Norm Exact(Norm? norm) => norm! with { Epsilon = 0 };
        return model with
        {
            Layers = [.. model.Layers.Select(layer => layer with { In = Exact(layer.In), FfnIn = Exact(layer.FfnIn) })],
            OutputNorm = Exact(model.OutputNorm),
            Output = model.Output with { Bias = null },
        };
    }

    private static ModelSpec Qwen3Vl(Keys keys, Tensors tensors) => LastAsProbability(Sections(keys, tensors, QkNorm.Rms, interleaved: true));

    // A reranker's score is the probability of "yes" behind the text.
    private static ModelSpec LastAsProbability(ModelSpec model) => model with { Pooling = model.Pooling.ScoringBy(Pooling.Last, softmax: true) };

    private static ModelSpec PaddleOcr(Keys keys, Tensors tensors) => Sections(keys, tensors, QkNorm.None, interleaved: false);

    private static ModelSpec Sections(Keys keys, Tensors tensors, QkNorm norm, bool interleaved) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Neox);
        attention = attention with { Rope = keys.Sections(attention.Rope!, interleaved) };
        return tensors.Pre(il, tensors.Attention(il, attention, norm), tensors.Gated(il, Activation.Silu));
    });
}
