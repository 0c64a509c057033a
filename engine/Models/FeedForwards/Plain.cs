using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The feed-forward network without a gate: down(act(up(h))).</summary>
internal sealed record PlainSpec(Linear Up, Linear Down, Activation Activation) : IFeedForwardSpec
{
    /// <summary>The packed form of up's input.</summary>
    public InputFormats Input => Up.Input;

    /// <summary>Makes what computes it.</summary>
    public IFeedForward Make(LayerMaking making) => new Plain(this, making.Workspace);
}

/// <summary>Computes a <see cref="PlainSpec"/>.</summary>
internal sealed class Plain : IFeedForward
{
    private readonly PlainSpec _spec;
    private readonly FloatRows _up;

    /// <summary>Claims its buffers.</summary>
    public Plain(PlainSpec spec, Workspace workspace)
    {
        _spec = spec;
        _up = workspace.Rows(spec.Up.OutputLength);
        workspace.ClaimInput(spec.Up);
        workspace.ClaimInput(spec.Down);
    }

    /// <summary>y = down(act(up(h))).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows up = _up.First(h.Count);
        MatMul.Run(cpu, h, _spec.Up.To(up));
        _spec.Activation.Apply(cpu, up, default, _spec.Down.Input);
        MatMul.Run(cpu, up, _spec.Down.To(y));
    }
}
