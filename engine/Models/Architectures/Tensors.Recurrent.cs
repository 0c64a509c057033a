namespace Edge.Llm.Models.Architectures;

/// <summary>The tensors of recurrent mixers.</summary>
internal sealed unsafe partial class Tensors
{
    /// <summary>Mamba; its norms of dt, B and C have weights (jamba), none (Falcon-Mamba), or are not there.</summary>
    public MambaSpec Mamba(int il, bool weightlessNorms)
    {
        string prefix = $"blk.{il}.ssm_";
        int inner = keys.SsmInner, state = keys.SsmState, rank = keys.SsmRank;
        Norm Weightless() => new(NormKind.Rms, null, null, keys.RmsEpsilon);
        return new MambaSpec(
            Linear(prefix + "in", _embd, 2L * inner), Convolution(prefix + "conv1d", inner), OptionalVector(prefix + "conv1d.bias", inner),
            Linear(prefix + "x", inner, rank + (2L * state)), Linear(prefix + "dt", rank, inner),
            FloatMatrix(prefix + "a", state, inner), Vector(prefix + "d", inner), Linear(prefix + "out", inner, _embd))
        {
            Norms = weightlessNorms ? [Weightless(), Weightless(), Weightless()]
                : !Has(prefix + "dt_norm.weight") ? null
                : [Norm(NormKind.Rms, prefix + "dt_norm", rank), Norm(NormKind.Rms, prefix + "b_norm", state), Norm(NormKind.Rms, prefix + "c_norm", state)],
        };
    }

    /// <summary>Mamba-2.</summary>
    public Mamba2Spec Mamba2(int il)
    {
        string prefix = $"blk.{il}.ssm_";
        Mamba2Config c = keys.Mamba2;
        Norm? norm = !Has(prefix + "norm.weight") ? null
            : new Norm(NormKind.Rms, FloatMatrix(prefix + "norm.weight", c.Inner / c.Groups, c.Groups), null, keys.RmsEpsilon);
        return new Mamba2Spec(
            c, Linear(prefix + "in", _embd, (long)c.Inner + c.ConvWidth + c.Heads), Convolution(prefix + "conv1d", c.ConvWidth),
            OptionalVector(prefix + "conv1d.bias", c.ConvWidth), Vector(prefix + "dt.bias", c.Heads),
            FloatMatrix(prefix + "a", 1, c.Heads), FloatMatrix(prefix + "d", 1, c.Heads), norm, Linear(prefix + "out", c.Inner, _embd));
    }

    /// <summary>A short convolution.</summary>
    public ShortConvSpec ShortConv(int il) => new(
        Linear($"blk.{il}.shortconv.in_proj", _embd, 3L * _embd), FloatMatrix($"blk.{il}.shortconv.conv.weight", keys.ShortConvTaps, _embd),
        Linear($"blk.{il}.shortconv.out_proj", _embd, _embd));

    /// <summary>A gated delta net.</summary>
    public DeltaSpec DeltaNet(int il, DeltaConfig c)
    {
        string prefix = $"blk.{il}.";
        int all = (2 * c.KeyWidth) + c.ValueWidth;
        bool together = Has(prefix + "ssm_ba.weight");
        return new DeltaSpec(c)
        {
            Qkv = [Linear(prefix + "attn_qkv", _embd, all)],
            Conv = [Convolution(prefix + "ssm_conv1d", all)],
            Gate = [Linear(prefix + "attn_gate", _embd, c.ValueWidth)],
            Beta = [together ? Linear(prefix + "ssm_ba", _embd, 2L * c.ValueHeads) : Linear(prefix + "ssm_beta", _embd, c.ValueHeads)],
            Decay = together ? [] : [Linear(prefix + "ssm_alpha", _embd, c.ValueHeads)],
            DecayBias = Vector(prefix + "ssm_dt.bias", c.ValueHeads),
            A = Vector(prefix + "ssm_a", c.ValueHeads),
            HeadNorm = Norm(NormKind.Rms, prefix + "ssm_norm", c.HeadLength),
            Output = Linear(prefix + "ssm_out", c.ValueWidth, _embd),
        };
    }

    /// <summary>Kimi's delta attention.</summary>
    public DeltaSpec KimiDelta(int il, DeltaConfig c)
    {
        string prefix = $"blk.{il}.";
        return new DeltaSpec(c)
        {
            Qkv = [Linear(prefix + "attn_q", _embd, c.KeyWidth), Linear(prefix + "attn_k", _embd, c.KeyWidth), Linear(prefix + "attn_v", _embd, c.ValueWidth)],
            Conv = [Convolution(prefix + "ssm_conv1d_q", c.KeyWidth), Convolution(prefix + "ssm_conv1d_k", c.KeyWidth), Convolution(prefix + "ssm_conv1d_v", c.ValueWidth)],
            Gate = [Linear(prefix + "ssm_g_a", _embd, c.HeadLength), Linear(prefix + "ssm_g_b", c.HeadLength, c.ValueWidth)],
            Beta = [Linear(prefix + "ssm_beta", _embd, c.ValueHeads)],
            Decay = [Linear(prefix + "ssm_f_a", _embd, c.HeadLength), Linear(prefix + "ssm_f_b", c.HeadLength, c.ValueWidth)],
            DecayBias = Vector(prefix + "ssm_dt.bias", c.ValueWidth),
            A = FloatMatrix(prefix + "ssm_a", 1, c.ValueHeads),
            HeadNorm = Norm(NormKind.Rms, prefix + "ssm_norm", c.HeadLength),
            Output = Linear(prefix + "attn_output", c.ValueWidth, _embd),
        };
    }

    // {taps, channels}; some files have dimensions of 1 between or behind them.
    private Tensor Convolution(string name, int channels)
    {
        Tensor tensor = file.GetTensor(name + ".weight");
        long found = tensor.Ne1 * tensor.Ne2 * tensor.Ne3;
        if (tensor.Ne0 != keys.ConvTaps || found != channels || (tensor.Ne1 != channels && tensor.Ne2 != channels))
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{file.Path}: tensor {tensor.Name}: expected {keys.ConvTaps} taps of {channels} channels, found [{tensor.Ne0}, {tensor.Ne1}, {tensor.Ne2}, {tensor.Ne3}]");
        _bound.Add(tensor.Name);
        return Floats(tensor.Name, tensor) with { Ne1 = channels, Ne2 = 1, Ne3 = 1 };
    }
}
