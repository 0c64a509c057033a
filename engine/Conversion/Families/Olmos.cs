namespace Edge.Llm.Conversion.Families;

/// <summary>OLMo 2 and 3.</summary>
internal static class Olmos
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new("olmo2", "olmo2") { Epsilon = 1e-5, Layer = Layer },
        new("olmo2", "olmo3") { Epsilon = 1e-5, Layer = Layer, FullEvery = 4, Defaults = """{"sliding_window":4096}""" },
    ];

    // Norms stand after attention and after the network.
    private static void Layer(LayerTensors tensors)
    {
        tensors.Attention(QkNorms.Row);
        tensors.Norm("post_attention_norm", "post_attention_layernorm");
        tensors.Gated();
        tensors.Norm("post_ffw_norm", "post_feedforward_layernorm");
    }
}
