using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A short convolution with two gates (LFM2): output(c * conv(b * x)), [b | c | x] = input(h).</summary>
internal sealed record ShortConvSpec(Linear InProj, Tensor Conv, Linear OutProj) : IMixerSpec
{
    /// <summary>The packed form of the input.</summary>
    public InputFormats Input => InProj.Input;

    /// <summary>The last inputs of the convolution.</summary>
    public LayerMemory Memory => new(StateBytes: CausalConv.StateBytes((int)Conv.Ne0, (int)Conv.Ne1));

    /// <summary>Any number.</summary>
    public int MaxRun => int.MaxValue;

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new ShortConv(this, making);
}

/// <summary>Computes a <see cref="ShortConvSpec"/>.</summary>
internal sealed class ShortConv : IMixer
{
    private readonly ShortConvSpec _spec;
    private readonly nint _state;
    private readonly FloatRows _all, _b, _c, _x;

    /// <summary>Claims its buffers.</summary>
    public ShortConv(ShortConvSpec spec, LayerMaking making)
    {
        _spec = spec;
        _state = making.Cache.StateOffset(making.Index);
        Workspace workspace = making.Workspace;
        int width = (int)spec.Conv.Ne1;
        _all = workspace.Rows(3 * width);
        (_b, _c, _x) = (workspace.Rows(width), workspace.Rows(width), workspace.Rows(width));
        workspace.ClaimInput(spec.InProj);
        workspace.ClaimInput(spec.OutProj);
    }

    /// <summary>y = output(c * conv(b * x)).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows all = _all.First(h.Count), b = _b.First(h.Count), c = _c.First(h.Count), x = _x.First(h.Count);
        MatMul.Run(cpu, h, _spec.InProj.To(all));
        int part = 0;
        foreach (FloatRows rows in (ReadOnlySpan<FloatRows>)[b, c, x]) RowOps.CopyHeads(cpu, all, 0, part++ * x.Width, rows, x.Width, 0, x.Width);
        RowOps.Multiply(cpu, b, x);
        CausalConv.Run(cpu, batch.States, _state, b, x, _spec.Conv, null);
        RowOps.Multiply(cpu, c, x);
        RecurrentMixer.Project(cpu, batch, c, _spec.OutProj, y);
    }
}
