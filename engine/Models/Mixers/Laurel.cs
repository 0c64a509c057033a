using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A mixer with a learned residual beside it (Gemma 3n): norm(mixer(h)) + h + norm(right(left(h))), left and right of low rank.</summary>
internal sealed record LaurelSpec(IMixerSpec Mixer, Norm AfterMixer, Linear Left, Linear Right, Norm After) : IMixerSpec
{
    public InputFormats Input => Mixer.Input | Left.Input;

    public LayerMemory Memory => Mixer.Memory;

    public int MaxRun => Mixer.MaxRun;

    public IMixer Make(LayerMaking making) => new Laurel(this, making);
}

/// <summary>Computes a <see cref="LaurelSpec"/>.</summary>
internal sealed class Laurel : IMixer
{
    private readonly LaurelSpec _spec;
    private readonly IMixer _mixer;
    private readonly FloatRows _low, _residual;

    /// <summary>Claims its buffers.</summary>
    public Laurel(LaurelSpec spec, LayerMaking making)
    {
        (_spec, _mixer) = (spec, spec.Mixer.Make(making));
        (_low, _residual) = (making.Workspace.Rows(spec.Left.OutputLength), making.Workspace.Rows(making.EmbeddingLength));
        making.Workspace.ClaimInput(spec.Left);
        making.Workspace.ClaimInput(spec.Right);
    }

    /// <summary>y = norm(mixer(h)) + h + norm(right(left(h))).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows low = _low.First(h.Count), residual = _residual.First(h.Count);
        MatMul.Run(cpu, h, _spec.Left.To(low));
        MatMul.Run(cpu, low, _spec.Right.To(residual));
        _spec.After.Forward(cpu, residual, residual);
        RowOps.Add(cpu, residual, h);
        if (y.Count < h.Count) residual = RowOps.KeepRows(residual, batch.LogitsRows);
        _mixer.Forward(cpu, batch, h, y);
        _spec.AfterMixer.Forward(cpu, y, y);
        RowOps.Add(cpu, y, residual);
    }
}
