using System.Diagnostics;
using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Two mixers side by side on one input; their results are added (Falcon-H1).</summary>
internal sealed record SumSpec(IMixerSpec First, IMixerSpec Second) : IMixerSpec
{
    public InputFormats Input => First.Input | Second.Input;

    public LayerMemory Memory => new(First.Memory.Kv ?? Second.Memory.Kv, First.Memory.StateBytes + Second.Memory.StateBytes);

    public int MaxRun => Math.Min(First.MaxRun, Second.MaxRun);

    public IMixer Make(LayerMaking making)
    {
        Debug.Assert(First.Memory.Kv is null || Second.Memory.Kv is null, "a layer has one place for keys");
        Debug.Assert(First.Memory.StateBytes == 0 || Second.Memory.StateBytes == 0, "and one for a state");
        return new SumOfMixers(First.Make(making), Second.Make(making), making.Workspace.Rows(making.EmbeddingLength));
    }
}

/// <summary>Computes a <see cref="SumSpec"/>.</summary>
internal sealed class SumOfMixers(IMixer first, IMixer second, FloatRows buffer) : IMixer
{
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows one = buffer.First(y.Count);
        first.Forward(cpu, batch, h, one);
        second.Forward(cpu, batch, h, y);
        RowOps.Add(cpu, y, one);
    }
}
