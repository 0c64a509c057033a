namespace Edge.Llm.Models.Architectures;

/// <summary>The usual orders of a layer's norms, and its feed-forward networks.</summary>
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

    /// <summary>A feed-forward network with a gate, in a tensor of its own or in the first half of ffn_up.</summary>
    public GatedSpec Gated(int il, Activation activation) => Gated(il, activation, FeedForwardLength(il));

    /// <summary>The same, of a width.</summary>
    public GatedSpec Gated(int il, Activation activation, int ff)
    {
        string up = $"blk.{il}.ffn_up";
        Linear down = Linear($"blk.{il}.ffn_down", ff, _embd);
        if (Has(il, "ffn_gate")) return new GatedSpec(Linear($"blk.{il}.ffn_gate", _embd, ff), Linear(up, _embd, ff), down, activation);
        Linear both = Linear(up, _embd, 2 * ff);
        return new GatedSpec(both.Rows(0, ff), both.Rows(ff, ff), down, activation);
    }

    /// <summary>A feed-forward network without a gate.</summary>
    public PlainSpec Plain(int il, Activation activation)
    {
        int ff = FeedForwardLength(il);
        return new PlainSpec(Linear($"blk.{il}.ffn_up", _embd, ff), Linear($"blk.{il}.ffn_down", ff, _embd), activation);
    }

    /// <summary>The end of a layer that takes in n values of its own of each token.</summary>
    public LayerEndSpec LayerEnd(int il, int n) => new(Linear($"blk.{il}.inp_gate", _embd, n), Linear($"blk.{il}.proj", n, _embd), RmsNorm(il, "post_norm"));

    private int FeedForwardLength(int il) =>
        keys.FeedForwardLength(il) is > 0 and int ff ? ff : throw keys.Invalid("feed_forward_length", "at least 1", "0");
}
