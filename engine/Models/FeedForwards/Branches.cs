using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A network between norms.</summary>
internal sealed record Branch(Norm? In, IFeedForwardSpec Network, Norm? Out)
{
    /// <summary>Whether it reads the layer's input, before the mixer.</summary>
    public bool ReadsLayerInput { get; init; }
}

/// <summary>Networks side by side on one input; their results are added.</summary>
internal sealed record BranchesSpec(params Branch[] Branches) : IFeedForwardSpec
{
    /// <summary>Factor on the sum.</summary>
    public float Scale { get; init; } = 1;

    public bool ReadsLayerInput => Branches.Any(branch => branch.ReadsLayerInput || branch.Network.ReadsLayerInput);

    public InputFormats Input => InputFormats.None;

    public IFeedForward Make(LayerMaking making) => new BranchesNetwork(this, making);
}

/// <summary>Computes a <see cref="BranchesSpec"/>.</summary>
internal sealed class BranchesNetwork : IFeedForward
{
    private readonly BranchesSpec _spec;
    private readonly IFeedForward[] _networks;
    private readonly FloatRows _h, _sum, _layerInput;

    /// <summary>Claims its buffers.</summary>
    public BranchesNetwork(BranchesSpec spec, LayerMaking making)
    {
        _spec = spec;
        (_h, _sum) = (making.Workspace.Rows(making.EmbeddingLength), making.Workspace.Rows(making.EmbeddingLength));
        if (Array.Exists(spec.Branches, branch => branch.ReadsLayerInput)) _layerInput = making.Workspace.RowsOfPass(making.EmbeddingLength);
        _networks = [.. spec.Branches.Select(branch => branch.Network.Make(making))];
    }

    public void ReadLayerInput(Cpu cpu, FloatRows x)
    {
        if (_layerInput.Count > 0) RowOps.Copy(cpu, x, _layerInput.First(x.Count));
        foreach (IFeedForward network in _networks) network.ReadLayerInput(cpu, x);
    }

    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows layerInput = _layerInput.Count == 0 ? default : _layerInput.First(batch.Count);
        if (h.Count < layerInput.Count) layerInput = RowOps.KeepRows(layerInput, batch.LogitsRows);
        FloatRows sum = _sum.First(h.Count), x = _h.First(h.Count);
        for (int i = 0; i < _networks.Length; i++)
        {
            Branch branch = _spec.Branches[i];
            FloatRows input = branch.ReadsLayerInput ? layerInput : h;
            if (branch.In is null) RowOps.Copy(cpu, input, x);
            else branch.In.Forward(cpu, input, x, branch.Network.Input);
            _networks[i].Forward(cpu, batch, x, x);
            branch.Out?.Forward(cpu, x, x);
            if (i == 0) RowOps.Copy(cpu, x, sum);
            else RowOps.Add(cpu, sum, x);
        }
        if (_spec.Scale != 1) RowOps.Apply(cpu, Elementwise.Scale, sum, _spec.Scale);
        RowOps.Copy(cpu, sum, y);
    }
}
