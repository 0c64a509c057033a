using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A network between norms.</summary>
internal sealed record Branch(Norm? In, IFeedForwardSpec Network, Norm? Out);

/// <summary>Networks side by side on one input; their results are added.</summary>
internal sealed record BranchesSpec(params Branch[] Branches) : IFeedForwardSpec
{
    public InputFormats Input => InputFormats.None;

    public IFeedForward Make(LayerMaking making) => new BranchesNetwork(this, making);
}

/// <summary>Computes a <see cref="BranchesSpec"/>.</summary>
internal sealed class BranchesNetwork : IFeedForward
{
    private readonly BranchesSpec _spec;
    private readonly IFeedForward[] _networks;
    private readonly FloatRows _h, _sum;

    /// <summary>Claims its buffers.</summary>
    public BranchesNetwork(BranchesSpec spec, LayerMaking making)
    {
        _spec = spec;
        (_h, _sum) = (making.Workspace.Rows(making.EmbeddingLength), making.Workspace.Rows(making.EmbeddingLength));
        _networks = [.. spec.Branches.Select(branch => branch.Network.Make(making))];
    }

    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows sum = _sum.First(h.Count), x = _h.First(h.Count);
        for (int i = 0; i < _networks.Length; i++)
        {
            Branch branch = _spec.Branches[i];
            if (branch.In is null) RowOps.Copy(cpu, h, x);
            else branch.In.Forward(cpu, h, x, branch.Network.Input);
            _networks[i].Forward(cpu, batch, x, x);
            branch.Out?.Forward(cpu, x, x);
            if (i == 0) RowOps.Copy(cpu, x, sum);
            else RowOps.Add(cpu, sum, x);
        }
        RowOps.Copy(cpu, sum, y);
    }
}
