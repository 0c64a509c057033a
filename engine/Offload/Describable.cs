using Edge.Llm.Kernels;
using Edge.Llm.Models;

namespace Edge.Llm.Offload;

/// <summary>What the interface of plug-ins can say of a layer. The rest stays on the host.</summary>
internal static class Describable
{
    /// <summary>Why no layer of a model can be described; null: some may.</summary>
    public static string? WhyNot(ModelSpec spec) => spec switch
    {
        { Streams: not null } => "the model has several residual streams",
        { PerLayer: not null } => "each layer takes in something of the tokens",
        { BothDirections: true } => "tokens see those behind them",
        _ => null,
    };

    /// <summary>Why a layer cannot be described; null: it can, but for the parts that are the host's.</summary>
    public static string? WhyNot(LayerSpec layer, HostParts parts)
    {
        if (layer is not { WithInput: null, SumScale: 1, End: null, AltUp: null, OutScale: 1, Out: null }) return "the layer does more than a mixer and a network";
        if (layer.Topology is not (Topology.Pre or Topology.Parallel)) return "its norms stand behind the sums";
        if (layer is { Topology: Topology.Parallel, Mixer: null } or { Topology: Topology.Parallel, Ffn: null }) return "a parallel layer has only one part";
        if (layer.Mixer is not (null or AttentionSpec)) return "its mixer is not attention";
        if (layer.Mixer is AttentionSpec attention && WhyNot(attention) is { } why) return why;
        return parts.HasFlag(HostParts.FeedForward) ? null : WhyNot(layer.Ffn);
    }

    /// <summary>Whether a network that cannot be described can stay on the host while the rest of its layer does not.</summary>
    public static bool CanStay(IFeedForwardSpec? network) => network is { ReadsLayerInput: false };

    /// <summary>Why a network cannot be described; null: it can.</summary>
    public static string? WhyNot(IFeedForwardSpec? network) => network switch
    {
        null => null,
        GatedSpec { Sparsity: 0, DownIn: null } gated => ActivationOf(gated.Activation) == 0 ? "its activation is not one of the interface's" : null,
        PlainSpec plain => ActivationOf(plain.Activation) == 0 ? "its activation is not one of the interface's" : null,
        ExpertsSpec experts => WhyNot(experts),
        _ => "its feed-forward network is not one of the interface's",
    };

    /// <summary>The interface's number of an activation; 0: it has none.</summary>
    public static uint ActivationOf(Activation activation) => activation switch
    {
        { Parameters.Length: > 0 } => 0,
        { Function: Elementwise.Silu } => 1,
        { Function: Elementwise.Gelu } => 2,
        { Function: Elementwise.Relu } => 3,
        { Function: Elementwise.ReluSquared } => 4,
        { Function: Elementwise.SwiGluOai } => 5,
        _ => 0,
    };

    private static string? WhyNot(ExpertsSpec experts)
    {
        bool plain = experts is { WeighsInput: false, RoutesLayerInput: false, RouterIn: null, ExpertsIn: null, LatentDown: null, LatentUp: null }
            && experts is { Gate: null or { Scale: null }, Up.Scale: null, Down.Scale: null }
            && experts.Router is { ChooseByLogit: false, Gating: not Gating.RootSoftplus }
            && experts.Shared is null or GatedSpec or PlainSpec;
        if (!plain) return "its experts are of a kind that the interface does not know";
        return ActivationOf(experts.Activation) == 0 ? "its experts' activation is not one of the interface's" : WhyNot(experts.Shared);
    }

    private static string? WhyNot(AttentionSpec attention)
    {
        AttentionConfig config = attention.Config;
        bool plain = attention is { K: not null, V: not null, CacheOf: null, VNorm: null, Gate: null, GateInQ: false, OutputIn: null }
            && config is { BothDirections: false, Chunked: false, Bias: null, NormAfterRope: false, ClampQkv: 0, Temperature: null };
        if (!plain) return "its attention is of a kind that the interface does not know";
        return IsHeadNorm(attention.QNorm, config.HeadCount, config.KeyLength) && IsHeadNorm(attention.KNorm, config.HeadCountKv, config.KeyLength)
            ? null : "it norms queries or keys in a way that the interface does not know";
    }

    // Of each head with one weight for all, or of all heads at once.
    private static bool IsHeadNorm(Norm? norm, int heads, int length) =>
        norm is null or { Weight: null } || (norm.Weight is { } weight && (weight.Elements == length || (weight.Ne1 == 1 && weight.Ne0 == heads * (long)length)));
}
