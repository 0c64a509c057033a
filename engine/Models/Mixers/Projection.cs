using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A matrix in attention's place: a token sees only itself.</summary>
internal sealed record ProjectionSpec(Linear Output) : IMixerSpec
{
    public InputFormats Input => Output.Input;

    public LayerMemory Memory => default;

    public int MaxRun => int.MaxValue;

    public IMixer Make(LayerMaking making) => new Projection(Output, making.Workspace);
}

/// <summary>Computes a <see cref="ProjectionSpec"/>.</summary>
internal sealed class Projection : IMixer
{
    private readonly Linear _output;
    private readonly FloatRows _result;

    /// <summary>Claims its buffers.</summary>
    public Projection(Linear output, Workspace workspace)
    {
        _output = output;
        _result = workspace.Rows(output.OutputLength);
        workspace.ClaimInput(output);
    }

    /// <summary>y = output(h).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows result = _result.First(h.Count);
        MatMul.Run(cpu, h, _output.To(result)); // h and y may be the same rows
        if (y.Count < h.Count) result = RowOps.KeepRows(result, batch.LogitsRows);
        RowOps.Copy(cpu, result, y);
    }
}
