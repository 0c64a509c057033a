namespace Edge.Llm.Models.Architectures;

/// <summary>The usual orders of a layer's norms.</summary>
internal sealed unsafe partial class Tensors
{
    /// <summary>x += A(norm(x)), then x += F(norm(x)).</summary>
    public LayerSpec Pre(int il, IMixerSpec? mixer, IFeedForwardSpec? ffn, NormKind norm = NormKind.Rms, string ffnNorm = "ffn_norm") => new(
        Topology.Pre, Norm(norm, $"blk.{il}.attn_norm"), mixer, Norm(norm, $"blk.{il}.{ffnNorm}"), ffn);

    /// <summary>x += norm(A(norm(x))), then x += norm(F(norm(x))).</summary>
    public LayerSpec Sandwich(int il, IMixerSpec mixer, IFeedForwardSpec ffn) =>
        Pre(il, mixer, ffn) with { AfterMixer = RmsNorm(il, "post_attention_norm"), AfterFfn = RmsNorm(il, "post_ffw_norm") };

    /// <summary>x += norm(A(x)), then x += norm(F(x)).</summary>
    public LayerSpec Post(int il, IMixerSpec mixer, IFeedForwardSpec ffn) => new(
        Topology.Pre, null, mixer, null, ffn, RmsNorm(il, "post_attention_norm"), RmsNorm(il, "post_ffw_norm"));

    /// <summary>x += A(norm(x)) + F(norm(x)), with one norm for both.</summary>
    public LayerSpec Parallel(int il, IMixerSpec mixer, IFeedForwardSpec ffn, NormKind norm = NormKind.Rms) => new(
        Topology.Parallel, Norm(norm, $"blk.{il}.attn_norm"), mixer, null, ffn);
}
