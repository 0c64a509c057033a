using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The gated feed-forward network: down(act(gate(h)) * up(h)).</summary>
internal sealed record GatedSpec(Linear Gate, Linear Up, Linear Down, Activation Activation) : IFeedForwardSpec
{
    /// <summary>Of a row of gate, only what exceeds its mean by this many standard deviations counts; 0: all of it.</summary>
    public float Sparsity { get; init; }

    /// <summary>Norm of what enters down; null: none.</summary>
    public Norm? DownIn { get; init; }

    /// <summary>The packed forms of gate's and up's input.</summary>
    public InputFormats Input { get; } = Gate.Input | Up.Input;

    /// <summary>Makes what computes it.</summary>
    public IFeedForward Make(LayerMaking making) => new Gated(this, making.Workspace);
}

/// <summary>Computes a <see cref="GatedSpec"/>.</summary>
internal sealed class Gated : IFeedForward
{
    private readonly GatedSpec _spec;
    private readonly FloatRows _gate, _up;

    /// <summary>Claims its buffers.</summary>
    public Gated(GatedSpec spec, Workspace workspace)
    {
        _spec = spec;
        _gate = workspace.Rows(spec.Gate.OutputLength);
        _up = workspace.Rows(spec.Up.OutputLength);
        foreach (Linear linear in (ReadOnlySpan<Linear>)[spec.Gate, spec.Up, spec.Down]) workspace.ClaimInput(linear);
    }

    /// <summary>y = down(act(gate(h)) * up(h)).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows gate = _gate.First(h.Count), up = _up.First(h.Count);
        MatMul.Run(cpu, h, _spec.Gate.To(gate), _spec.Up.To(up));
        if (_spec.Sparsity != 0) RowOps.KeepOutliers(cpu, gate, _spec.Sparsity);
        _spec.Activation.Apply(cpu, gate, up, _spec.Down.Input);
        _spec.DownIn?.Forward(cpu, gate, gate, _spec.Down.Input);
        MatMul.Run(cpu, gate, _spec.Down.To(y));
    }
}
