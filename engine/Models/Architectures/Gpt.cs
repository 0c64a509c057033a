namespace Edge.Llm.Models.Architectures;

/// <summary>GPT-2 and its kin: LayerNorm, no gate, positions that are learned or ALiBi.</summary>
internal static class Gpt
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("gpt2", "GPT-2, Cerebras-GPT", Learned),
        new("starcoder", "StarCoder, SantaCoder", Learned),
        new("gptneox", "Pythia, GPT-NeoX, RedPajama", NeoX),
        new("falcon", "Falcon 7B, 40B", Falcon),
        new("bloom", "BLOOM, BLOOMZ", Bloom),
        new("mpt", "MPT, Replit", Mpt),
        new("jais", "Jais", Jais),
        new("refact", "Refact", Refact),
        new("stablelm", "StableLM 2, 3B", StableLm),
    ];

    private static ModelSpec Learned(Keys keys, Tensors tensors) => tensors.Decoder(
        il => tensors.Pre(il, tensors.Attention(il, keys.Attention(il, null)), tensors.Plain(il, Activation.Gelu), NormKind.Layer),
        NormKind.Layer, embedding: e => e with { Positions = tensors.Positions() });

    private static ModelSpec NeoX(Keys keys, Tensors tensors)
    {
        bool parallel = keys.Flag("use_parallel_residual", true);
        return tensors.Decoder(
            il => tensors.Pre(il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)), tensors.Plain(il, Activation.Gelu), NormKind.Layer) with
            {
                Topology = parallel ? Topology.Parallel : Topology.Pre,
            },
            NormKind.Layer);
    }

    // With two norms, the second one is attention's.
    private static ModelSpec Falcon(Keys keys, Tensors tensors) => tensors.Decoder(
        il =>
        {
            LayerSpec layer = tensors.Parallel(
                il, tensors.Attention(il, keys.Attention(il, RopeType.Neox)), tensors.Plain(il, Activation.Gelu), NormKind.Layer);
            return tensors.Has(il, "attn_norm_2") ? layer with { In = tensors.LayerNorm(il, "attn_norm_2"), FfnIn = layer.In } : layer;
        },
        NormKind.Layer);

    private static ModelSpec Bloom(Keys keys, Tensors tensors) => tensors.Decoder(
        il => tensors.Pre(il, tensors.Attention(il, WithAlibi(keys.Attention(il, null), 8)), tensors.Plain(il, Activation.Gelu), NormKind.Layer),
        NormKind.Layer, embedding: e => e with { Norm = tensors.Norm(NormKind.Layer, "token_embd_norm") });

    private static ModelSpec Mpt(Keys keys, Tensors tensors)
    {
        float alibi = keys.NonNegative("attention.max_alibi_bias", 0), clamp = keys.NonNegative("attention.clamp_kqv", 0);
        return tensors.Decoder(
            il => tensors.Pre(
                il, tensors.Attention(il, WithAlibi(keys.Attention(il, null), alibi) with { ClampQkv = clamp }, QkNorm.OptionalLayer),
                tensors.Plain(il, Activation.Gelu), NormKind.Layer),
            NormKind.Layer, embedding: e => tensors.Has("position_embd.weight") ? e with { Positions = tensors.Positions() } : e);
    }

    private static ModelSpec Jais(Keys keys, Tensors tensors) => tensors.Decoder(
        il =>
        {
            AttentionConfig attention = WithAlibi(keys.Attention(il, null), keys.NonNegative("attention.max_alibi_bias", 0));
            return tensors.Pre(il, tensors.Attention(il, attention with { Scale = 1f / attention.KeyLength }), tensors.Gated(il, Activation.Silu), NormKind.Layer);
        },
        NormKind.Layer);

    private static ModelSpec Refact(Keys keys, Tensors tensors) => tensors.Decoder(
        il => tensors.Pre(il, tensors.Attention(il, WithAlibi(keys.Attention(il, null), 8)), tensors.Gated(il, Activation.Silu)));

    // Without a norm of the network, it reads attention's input.
    private static ModelSpec StableLm(Keys keys, Tensors tensors) => tensors.Decoder(
        il =>
        {
            AttentionSpec attention = tensors.Attention(il, keys.Attention(il, RopeType.Neox), QkNorm.OptionalLayer);
            GatedSpec ffn = tensors.Gated(il, Activation.Silu);
            return tensors.Has(il, "ffn_norm") ? tensors.Pre(il, attention, ffn, NormKind.Layer) : tensors.Parallel(il, attention, ffn, NormKind.Layer);
        },
        NormKind.Layer);

    private static AttentionConfig WithAlibi(AttentionConfig attention, float max) =>
        max == 0 ? attention : attention with { Bias = new Alibi(attention.HeadCount, max) };
}
