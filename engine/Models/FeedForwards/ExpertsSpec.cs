using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A mixture of experts: a router chooses some for each token, and the sum of their results, weighed, is the result; a shared
/// expert may join.</summary>
/// <param name="Router">How experts are chosen.</param>
/// <param name="RouterWeight">The router's logits.</param>
/// <param name="ChoiceBias">What is added to weights when choosing; null: nothing.</param>
/// <param name="Gate">The experts' gates; null: none.</param>
/// <param name="Up">Their inputs.</param>
/// <param name="Down">Their outputs.</param>
/// <param name="Activation">The function between.</param>
internal sealed record ExpertsSpec(
    RouterConfig Router, Linear RouterWeight, Tensor? ChoiceBias, ExpertMatrices? Gate, ExpertMatrices Up, ExpertMatrices Down, Activation Activation) : IFeedForwardSpec
{
    /// <summary>An expert that every token uses; null: none.</summary>
    public IFeedForwardSpec? Shared { get; init; }

    /// <summary>Its weight is the sigmoid of this; null: 1.</summary>
    public Linear? SharedGate { get; init; }

    /// <summary>Whether an expert's weight is a factor on its input, not on its result.</summary>
    public bool WeighsInput { get; init; }

    /// <summary>Whether the router reads the layer's input, before attention and without a norm.</summary>
    public bool RoutesLayerInput { get; init; }

    /// <summary>Norm of what the router reads; null: none.</summary>
    public Norm? RouterIn { get; init; }

    /// <summary>Norm of what the experts read; null: none.</summary>
    public Norm? ExpertsIn { get; init; }

    /// <summary>Factor on the sum.</summary>
    public float OutputScale { get; init; } = 1;

    /// <summary>What the experts read in the input's place, and what is made of their sum; null: itself.</summary>
    public Linear? LatentDown { get; init; }

    /// <inheritdoc cref="LatentDown"/>
    public Linear? LatentUp { get; init; }

    /// <summary>Whether the router or a network beside the experts reads the layer's input.</summary>
    public bool ReadsLayerInput => RoutesLayerInput || Shared?.ReadsLayerInput == true;

    /// <summary>The packed forms in which the input is read as a whole; experts read copies of its rows.</summary>
    public InputFormats Input => RouterWeight.Input | (Shared?.Input ?? 0);

    /// <summary>Makes what computes it.</summary>
    public IFeedForward Make(LayerMaking making) => new Experts(this, making);
}
