using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>The keys of recurrent mixers.</summary>
internal sealed partial class Keys
{
    private const int StateStep = 16; // values of a state that the kernels step over

    /// <summary>ssm.inner_size: channels.</summary>
    public int SsmInner => Count("ssm.inner_size", 1 << 20);

    /// <summary>ssm.state_size: values of a state.</summary>
    public int SsmState => Count("ssm.state_size", 1 << 12) is var size && size % StateStep == 0
        ? size : throw Invalid("ssm.state_size", $"a multiple of {StateStep}", $"{size}");

    /// <summary>ssm.time_step_rank.</summary>
    public int SsmRank => Count("ssm.time_step_rank", 1 << 16);

    /// <summary>ssm.conv_kernel.</summary>
    public int ConvTaps => Count("ssm.conv_kernel", 64);

    /// <summary>shortconv.l_cache.</summary>
    public int ShortConvTaps => Count("shortconv.l_cache", 64);

    /// <summary>Mamba-2's numbers.</summary>
    public Mamba2Config Mamba2
    {
        get
        {
            int inner = SsmInner, heads = SsmRank, groups = Count("ssm.group_count", 1 << 12);
            if (inner % heads != 0) throw Invalid("ssm.time_step_rank", $"a divisor of {inner} channels", $"{heads}");
            if (heads % groups != 0 || inner % groups != 0) throw Invalid("ssm.group_count", $"a divisor of {heads} heads", $"{groups}");
            return new Mamba2Config(inner, heads, groups, SsmState);
        }
    }

    /// <summary>Whether a layer is recurrent: by an array in the file, or all but each n-th.</summary>
    public bool IsRecurrent(int il) => Has("attention.recurrent_layers")
        ? FlagOf(il, "attention.recurrent_layers") : (il + 1) % Count("full_attention_interval", 1 << 12, 4) != 0;

    /// <summary>The numbers of a gated delta net.</summary>
    public DeltaConfig DeltaNet(bool headsAlternate)
    {
        int d = SsmState, keyHeads = Count("ssm.group_count", 1 << 12), valueHeads = SsmRank;
        if (valueHeads % keyHeads != 0) throw Invalid("ssm.group_count", $"a divisor of {valueHeads} value heads", $"{keyHeads}");
        if (SsmInner != valueHeads * d) throw Invalid("ssm.inner_size", $"{valueHeads * d}", $"{SsmInner}");
        return new DeltaConfig { KeyHeads = keyHeads, ValueHeads = valueHeads, HeadLength = d, HeadsAlternate = headsAlternate, Epsilon = RmsEpsilon };
    }

    /// <summary>The numbers of Kimi's delta attention.</summary>
    public DeltaConfig KimiDelta(int il)
    {
        int d = Count("kda.head_dim", 1 << 12), heads = HeadCount(il);
        if (d % StateStep != 0) throw Invalid("kda.head_dim", $"a multiple of {StateStep}", $"{d}");
        if (heads == 0) throw Invalid("attention.head_count", "at least 1", "0");
        return new DeltaConfig
        {
            KeyHeads = heads, ValueHeads = heads, HeadLength = d, Epsilon = RmsEpsilon, DecayPerChannel = true, GateFunction = Elementwise.Sigmoid,
        };
    }
}
