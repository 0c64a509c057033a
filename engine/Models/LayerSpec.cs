using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>How a layer's mixer and feed-forward network stand around the residual stream x.</summary>
internal enum Topology
{
    /// <summary>x += A(norm(x)), then x += F(norm(x)). Without norms before and with norms after, it is post-norm; with both, sandwich norms.</summary>
    Pre,

    /// <summary>x += A(norm(x)) + F(norm(x)), both of the same x. Without a norm of its own the network reads the mixer's input.</summary>
    Parallel,

    /// <summary>x = norm(x + A(x)), then x = norm(x + F(x)).</summary>
    AfterSum,
}

/// <summary>A layer: its numbers and tensors, shared by all contexts. A null norm is the identity;
/// a mixer or a network that is null adds nothing.</summary>
/// <param name="Topology">How its parts stand.</param>
/// <param name="In">Norm before the mixer.</param>
/// <param name="Mixer">What mixes tokens with those before them.</param>
/// <param name="FfnIn">Norm before the feed-forward network.</param>
/// <param name="Ffn">What treats each token alone.</param>
/// <param name="AfterMixer">Norm of the mixer's result, or, after the sum, of x.</param>
/// <param name="AfterFfn">The same for the network.</param>
internal sealed record LayerSpec(
    Topology Topology, Norm? In, IMixerSpec? Mixer, Norm? FfnIn, IFeedForwardSpec? Ffn, Norm? AfterMixer = null, Norm? AfterFfn = null)
{
    /// <summary>Factor on what the mixer and the network add to x.</summary>
    public float ResidualScale { get; init; } = 1;

    /// <summary>Behind the mixer, x = norm(x + the layer's input); null: not so.</summary>
    public Norm? WithInput { get; init; }

    /// <summary>Factor on x behind the mixer.</summary>
    public float SumScale { get; init; } = 1;

    /// <summary>What x takes in at the end of the layer; null: nothing.</summary>
    public LayerEndSpec? End { get; init; }

    /// <summary>How the layer mixes several residual streams; null: there is one.</summary>
    public AltUpSpec? AltUp { get; init; }

    /// <summary>Factor on x at the end of the layer.</summary>
    public float OutScale { get; init; } = 1;

    /// <summary>Norm of x at the end of the layer.</summary>
    public Norm? Out { get; init; }
}

/// <summary>Numbers and tensors of a mixer.</summary>
internal interface IMixerSpec
{
    /// <summary>The packed forms in which it reads its input.</summary>
    InputFormats Input { get; }

    /// <summary>What it remembers of a sequence.</summary>
    LayerMemory Memory { get; }

    /// <summary>Tokens of one sequence that it is given at most at a time.</summary>
    int MaxRun { get; }

    /// <summary>Makes what computes it, in a scope of the workspace that is its own.</summary>
    IMixer Make(LayerMaking making);
}

/// <summary>Mixes tokens with those before them in their sequences.</summary>
internal interface IMixer
{
    /// <summary>Computes y [m, n_embd] of h [n, n_embd]; y may be the beginning of h. Where m is less than n, only the batch's
    /// <see cref="BatchPlan.LogitsRows"/> are wanted.</summary>
    /// <exception cref="EdgeLlmException">NonFinite.</exception>
    void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y);
}

/// <summary>Numbers and tensors of a feed-forward network.</summary>
internal interface IFeedForwardSpec
{
    /// <summary>Whether it must see the layer's input as well, before the mixer: <see cref="IFeedForward.ReadLayerInput"/>.</summary>
    bool ReadsLayerInput => false;

    /// <summary>The packed forms in which it reads its input.</summary>
    InputFormats Input { get; }

    /// <summary>Makes what computes it, in a scope of the workspace that is its own.</summary>
    IFeedForward Make(LayerMaking making);
}

/// <summary>Treats each token alone.</summary>
internal interface IFeedForward
{
    /// <summary>Sees the layer's input before anything is computed of it.</summary>
    void ReadLayerInput(Cpu cpu, FloatRows x)
    {
    }

    /// <summary>Computes y [n, n_embd] of h [n, n_embd]; y may be h. Where n is less than the batch's rows, these are its
    /// <see cref="BatchPlan.LogitsRows"/>.</summary>
    void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y);
}

/// <summary>What a layer is made with.</summary>
/// <param name="Index">Its number.</param>
/// <param name="EmbeddingLength">n_embd.</param>
/// <param name="Workspace">Where it claims its buffers.</param>
/// <param name="Ropes">Rotary tables, shared among layers.</param>
/// <param name="Biases">Tables of what scores get by distance, shared among layers.</param>
/// <param name="PerLayer">What the model makes of each token for each layer; null: nothing.</param>
/// <param name="Streams">The residual streams besides x; null: none.</param>
/// <param name="Cache">Where it finds what it remembers.</param>
internal sealed record LayerMaking(
    int Index, int EmbeddingLength, Workspace Workspace, RopeTables Ropes, PositionBiases Biases, PerLayerInputs? PerLayer, Streams? Streams, CacheLayout Cache);
