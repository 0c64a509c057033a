namespace Edge.Llm.Models.Architectures;

/// <summary>LLaMA and what differs from it by little.</summary>
internal static class Llama
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("llama", "Llama 1 to 3, Mistral 7B, Small, Nemo, Mixtral, Yi, TinyLlama, SmolLM 1 and 2", Read),
        new("llama-embed", "Llama used for embeddings", Read),
        new("mistral3", "Ministral 3, Devstral 2", Mistral3),
        new("smollm3", "SmolLM3", SmolLm3),
        new("ernie4_5", "ERNIE 4.5 0.3B", Ernie),
        new("nanbeige", "Nanbeige", Nanbeige),
        new("deci", "Llama-Nemotron Super, Ultra, 51B", Deci),
        new("baichuan", "Baichuan 1, 2", Baichuan),
    ];

    /// <summary>A dense network, or, if the file has experts, as wide as it says, those (Mixtral).</summary>
    public static IFeedForwardSpec Feed(Keys keys, Tensors tensors, int il) => keys.ExpertCount == 0
        ? tensors.Gated(il, Activation.Silu)
        : tensors.Experts(il, keys.Router(il, Gating.Softmax, true), Activation.Silu, keys.FeedForwardLength(il));

    private static ModelSpec Read(Keys keys, Tensors tensors) => tensors.Decoder(il =>
        tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Norm)), Feed(keys, tensors, il)));

    // YaRN's numbers and a temperature by position stand in the file.
    private static ModelSpec Mistral3(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.Attention(il, RopeType.Norm);
        RopeConfig rope = keys.WithLogMultiplier(keys.WithBetas(attention.Rope!));
        attention = attention with { Rope = rope, Temperature = keys.Temperature(0, rope.OriginalContextLength) };
        return tensors.Pre(il, tensors.Attention(il, attention), Feed(keys, tensors, il));
    });

    // Each fourth layer has no rotation.
    private static ModelSpec SmolLm3(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, tensors.Attention(il, keys.Attention(il, il % 4 == 3 ? null : RopeType.Norm)), tensors.Gated(il, Activation.Silu)));

    // The bias of attention's output is in the files, and has no use.
    private static ModelSpec Ernie(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionSpec attention = tensors.Attention(il, keys.Attention(il, RopeType.Norm));
        return tensors.Pre(il, attention with { Output = attention.Output with { Bias = null } }, tensors.Gated(il, Activation.Silu));
    });

    // All layers run several times, each round with a cache of its own.
    private static ModelSpec Nanbeige(Keys keys, Tensors tensors)
    {
        ModelSpec once = Read(keys, tensors);
        int rounds = keys.Count("num_loops", 64, 1);
        LayerSpec last = once.Layers[^1];
        LayerSpec[] round = [.. once.Layers[..^1], last with { Out = keys.Flag("skip_loop_final_norm", false) ? null : once.OutputNorm }];
        return once with { Layers = [.. Enumerable.Repeat(round, rounds - 1).SelectMany(layers => layers), .. once.Layers] };
    }

    // Layers without attention, with a matrix in its place, or without a network: then nothing is added to x.
    private static ModelSpec Deci(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        if (keys.FeedForwardLength(il) == 0)
            throw keys.Invalid("feed_forward_length", "a network in each layer", $"0 in layer {il}");
        GatedSpec ffn = tensors.Gated(il, Activation.Silu);
        if (keys.HeadCount(il) == 0) return new LayerSpec(Topology.Pre, null, null, tensors.RmsNorm(il, "ffn_norm"), ffn);
        IMixerSpec mixer = keys.HeadCountKv(il) == 0
            ? new ProjectionSpec(tensors.Linear($"blk.{il}.attn_output", keys.EmbeddingLength, keys.EmbeddingLength))
            : tensors.Attention(il, keys.Attention(il, RopeType.Norm));
        return tensors.Pre(il, mixer, ffn);
    });

    // The large one, of 40 layers, has ALiBi.
    private static ModelSpec Baichuan(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        AttentionConfig attention = keys.LayerCount == 40
            ? keys.Attention(il, null) with { Bias = new Alibi(keys.HeadCount(il), 8) } : keys.Attention(il, RopeType.Norm);
        return tensors.Pre(il, tensors.Attention(il, attention), tensors.Gated(il, Activation.Silu));
    });
}
