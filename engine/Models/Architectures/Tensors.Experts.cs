namespace Edge.Llm.Models.Architectures;

/// <summary>The tensors of mixtures of experts.</summary>
internal sealed unsafe partial class Tensors
{
    /// <summary>Experts of a width. Gates stand in a tensor of their own, or in the first rows of ffn_gate_up_exps; without either, the
    /// experts have none.</summary>
    public ExpertsSpec Experts(int il, RouterConfig router, Activation activation, int width, bool gated = true)
    {
        string prefix = $"blk.{il}.ffn_";
        Linear? latentDown = null, latentUp = null;
        int inner = _embd;
        if (Has(prefix + "latent_down.weight"))
        {
            inner = (int)Math.Min(int.MaxValue, file.GetTensor(prefix + "latent_down.weight").Ne1);
            (latentDown, latentUp) = (Linear(prefix + "latent_down", _embd, inner), Linear(prefix + "latent_up", inner, _embd));
        }
        ExpertMatrices? gate = null;
        ExpertMatrices up;
        if (gated && Has(prefix + "gate_up_exps.weight"))
        {
            ExpertMatrices both = ExpertMatrices(prefix + "gate_up_exps", inner, 2 * width, router.Count);
            (gate, up) = (both with { OutputLength = width }, both with { FirstRow = width, OutputLength = width });
        }
        else
        {
            if (gated) gate = ExpertMatrices(prefix + "gate_exps", inner, width, router.Count);
            up = ExpertMatrices(prefix + "up_exps", inner, width, router.Count);
        }
        ExpertMatrices down = ExpertMatrices(prefix + "down_exps", width, inner, router.Count);
        string choiceBias = Has($"blk.{il}.exp_probs_b.bias") ? $"blk.{il}.exp_probs_b.bias" : $"blk.{il}.exp_probs_b";
        return new ExpertsSpec(router, Linear(prefix + "gate_inp", _embd, router.Count), OptionalVector(choiceBias, router.Count), gate, up, down, activation)
        {
            LatentDown = latentDown, LatentUp = latentUp,
        };
    }

    /// <summary>The expert that every token uses, of a width.</summary>
    public IFeedForwardSpec SharedExpert(int il, Activation activation, int width, bool gated = true)
    {
        string prefix = $"blk.{il}.ffn_";
        Linear down = Linear(prefix + "down_shexp", width, _embd);
        if (!gated) return new PlainSpec(Linear(prefix + "up_shexp", _embd, width), down, activation);
        if (Has(prefix + "gate_shexp.weight"))
            return new GatedSpec(Linear(prefix + "gate_shexp", _embd, width), Linear(prefix + "up_shexp", _embd, width), down, activation);
        Linear both = Linear(prefix + "up_shexp", _embd, 2 * width);
        return new GatedSpec(both.Rows(0, width), both.Rows(width, width), down, activation);
    }

    /// <summary>The shared expert's gate: one value.</summary>
    public Linear SharedGate(int il) => Linear($"blk.{il}.ffn_gate_inp_shexp", _embd, 1);

    /// <summary>A matrix for each expert, with biases and factors if the file has them.</summary>
    public ExpertMatrices ExpertMatrices(string name, long k, int rows, int experts)
    {
        Tensor weight = Matrix(Bind(name + ".weight", k, rows, experts));
        Tensor? bias = Has(name + ".bias") ? FloatMatrix(name + ".bias", rows, experts) : null;
        return new ExpertMatrices(weight, 0, rows, bias, OptionalVector(name + ".scale", experts));
    }
}
