namespace Edge.Llm.Models.Architectures;

/// <summary>Architectures that a few columns tell apart: rotation, norms, and the feed-forward network.</summary>
internal static class Common
{
    private sealed record Columns(RopeType Rope, NormKind Kind, QkNorm Qk, Activation Act, bool Gated)
    {
        public bool NormAfterRope { get; init; }

        public string FfnNorm { get; init; } = "ffn_norm";

        public bool InParallel { get; init; }
    }

    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<Architecture> Architectures { get; } =
    [
        Row("internlm2", "InternLM 2, 2.5", Gated(RopeType.Norm)),
        Row("xverse", "XVERSE", Gated(RopeType.Norm)),
        Row("chatglm", "ChatGLM 3, GLM-4-9B", Gated(RopeType.Norm)),
        Row("arcee", "AFM-4.5B", Ungated(RopeType.Norm, NormKind.Rms, Activation.ReluSquared)),
        Row("maincoder", "Maincoder", Gated(RopeType.Norm, QkNorm.Rms) with { NormAfterRope = true }),
        Row("exaone", "EXAONE 3, 3.5", Gated(RopeType.Neox)),
        Row("pangu-embedded", "openPangu", Gated(RopeType.Neox)),
        Row("phi3", "Phi-3, Phi-3.5, Phi-4", Gated(RopeType.Neox)),
        Row("seed_oss", "Seed-OSS", Gated(RopeType.Neox) with { FfnNorm = "post_attention_norm" }),
        Row("openelm", "OpenELM", Gated(RopeType.Neox, QkNorm.Rms)),
        Row("plamo", "PLaMo", Gated(RopeType.Neox) with { InParallel = true }),
        Row("orion", "Orion", Gated(RopeType.Neox) with { Kind = NormKind.Layer }),
        Row("codeshell", "CodeShell", Ungated(RopeType.Neox, NormKind.Layer, Activation.Gelu)),
        Row("starcoder2", "StarCoder2", Ungated(RopeType.Neox, NormKind.Layer, Activation.Gelu)),
        Row("nemotron", "Nemotron 3 8B, Minitron", Ungated(RopeType.Neox, NormKind.Layer, Activation.ReluSquared)),
        Row("jais2", "Jais 2", Ungated(RopeType.Neox, NormKind.Layer, Activation.ReluSquared)),
        Row("phi2", "Phi-1, 1.5, 2", Ungated(RopeType.Neox, NormKind.Layer, Activation.Gelu) with { InParallel = true }),
    ];

    private static Columns Gated(RopeType rope, QkNorm qk = QkNorm.None) => new(rope, NormKind.Rms, qk, Activation.Silu, Gated: true);

    private static Columns Ungated(RopeType rope, NormKind norm, Activation act) => new(rope, norm, QkNorm.None, act, Gated: false);

    private static Architecture Row(string name, string models, Columns c) => new(name, models, (keys, tensors) => tensors.Decoder(
        il =>
        {
            AttentionSpec attention = tensors.Attention(il, keys.Attention(il, c.Rope) with { NormAfterRope = c.NormAfterRope }, c.Qk);
            IFeedForwardSpec ffn = c.Gated ? tensors.Gated(il, c.Act) : tensors.Plain(il, c.Act);
            return c.InParallel ? tensors.Parallel(il, attention, ffn, c.Kind) : tensors.Pre(il, attention, ffn, c.Kind, c.FfnNorm);
        },
        c.Kind));
}
