namespace Edge.Llm.Models.Architectures;

/// <summary>Recurrent architectures, and those with attention in some layers.</summary>
internal static class Recurrent
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        new("mamba", "Mamba, Falcon-Mamba", Mamba),
        new("mamba2", "Mamba-2, Codestral Mamba", (_, tensors) => tensors.Decoder(il => One(tensors, il, tensors.Mamba2(il), null))),
        new("jamba", "Jamba", Jamba),
        new("granitehybrid", "Granite 4 H", GraniteHybrid),
        new("falcon-h1", "Falcon-H1", FalconH1),
        new("nemotron_h", "Nemotron-H, Nemotron Nano 2", NemotronH),
        new("nemotron_h_moe", "Nemotron 3 Nano, Super", NemotronH),
        new("lfm2", "LFM2", (keys, tensors) => Lfm2(keys, tensors, experts: false)),
        new("lfm2moe", "LFM2-8B-A1B, 24B", (keys, tensors) => Lfm2(keys, tensors, experts: true)),
    ];

    // x += F(norm(x)), or with a mixer in F's place.
    private static LayerSpec One(Tensors tensors, int il, IMixerSpec? mixer, IFeedForwardSpec? ffn)
    {
        Norm norm = tensors.RmsNorm(il, "attn_norm");
        return new LayerSpec(Topology.Pre, mixer is null ? null : norm, mixer, ffn is null ? null : norm, ffn);
    }

    private static ModelSpec Mamba(Keys keys, Tensors tensors)
    {
        bool norms = keys.Flag("ssm.dt_b_c_rms", false);
        return tensors.Decoder(il => One(tensors, il, tensors.Mamba(il, norms), null));
    }

    // Layers without heads of keys are recurrent; attention does not rotate.
    private static ModelSpec Jamba(Keys keys, Tensors tensors) => tensors.Decoder(il => tensors.Pre(
        il, keys.HeadCountKv(il) == 0 ? tensors.Mamba(il, weightlessNorms: false) : tensors.Attention(il, keys.Attention(il, null)),
        tensors.Has(il, "ffn_gate_inp")
            ? tensors.Experts(il, keys.Router(il, Gating.Softmax, false), Activation.Silu, keys.FeedForwardLength(il)) : tensors.Gated(il, Activation.Silu)));

    private static ModelSpec GraniteHybrid(Keys keys, Tensors tensors) => Scaled.Read(
        keys, tensors,
        il => keys.HeadCountKv(il) == 0 ? tensors.Mamba2(il) : Scaled.Attention(keys, tensors, il, keys.Flag("rope.scaling.finetuned", true)),
        il => keys.ExpertCount == 0 ? tensors.Gated(il, Activation.Silu) : Scaled.Feed(keys, tensors, il));

    // The name of the network's norm has no suffix.
    private static ModelSpec FalconH1(Keys keys, Tensors tensors) => tensors.Decoder(il => new LayerSpec(
        Topology.Pre,
        tensors.RmsNorm(il, "attn_norm"), new SumSpec(tensors.Attention(il, keys.Attention(il, RopeType.Neox)), tensors.Mamba2(il)),
        new Norm(NormKind.Rms, tensors.Vector($"blk.{il}.ffn_norm", keys.EmbeddingLength), null, keys.RmsEpsilon), tensors.Gated(il, Activation.Silu)));

    // A layer is one of three: a scan, attention without rotation, or a network.
    private static ModelSpec NemotronH(Keys keys, Tensors tensors) => tensors.Decoder(il =>
    {
        if (keys.FeedForwardLength(il) == 0)
            return One(tensors, il, keys.HeadCountKv(il) == 0 ? tensors.Mamba2(il) : tensors.Attention(il, keys.Attention(il, null)), null);
        if (!tensors.Has(il, "ffn_gate_inp")) return One(tensors, il, null, tensors.Plain(il, Activation.ReluSquared));
        RouterConfig router = keys.Router(il, Gating.Sigmoid) with { Gating = Gating.Sigmoid };
        ExpertsSpec experts = tensors.Experts(il, router, Activation.ReluSquared, keys.ExpertWidthOrShare(il), gated: false);
        int shared = keys.SharedWidth(il, 0);
        return One(tensors, il, null, shared == 0 ? experts : experts with { Shared = tensors.SharedExpert(il, Activation.ReluSquared, shared, gated: false) });
    });

    // Layers without heads of keys are convolutions. The last norm bears the embedding's name.
    private static ModelSpec Lfm2(Keys keys, Tensors tensors, bool experts)
    {
        int window = keys.Window();
        return tensors.Decoder(
            il =>
            {
                IMixerSpec mixer = keys.HeadCountKv(il) == 0
                    ? tensors.ShortConv(il) : tensors.Attention(il, keys.Attention(il, RopeType.Neox) with { Window = window }, QkNorm.Rms);
                IFeedForwardSpec ffn = !experts || il < keys.LeadingDense
                    ? tensors.Gated(il, Activation.Silu)
                    : tensors.Experts(il, keys.Router(il, null) with { Normalize = true, Scale = 1 }, Activation.Silu, keys.ExpertWidth(il));
                return tensors.Pre(il, mixer, ffn);
            },
            outputNorm: tensors.Norm(NormKind.Rms, "token_embd_norm"));
    }
}
