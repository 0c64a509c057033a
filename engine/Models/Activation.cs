using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The function in the middle of a feed-forward network.</summary>
internal sealed record Activation(Elementwise Function, params float[] Parameters)
{
    private const float SmallestLimit = 1e-6f;

    /// <summary>x / (1 + e^-x).</summary>
    public static Activation Silu { get; } = new(Elementwise.Silu);

    /// <summary>GELU's tanh form.</summary>
    public static Activation Gelu { get; } = new(Elementwise.Gelu);

    /// <summary>max(x, 0).</summary>
    public static Activation Relu { get; } = new(Elementwise.Relu);

    /// <summary>max(x, 0)^2.</summary>
    public static Activation ReluSquared { get; } = new(Elementwise.ReluSquared);

    /// <summary>gpt-oss's gate, clamped at 7.</summary>
    public static Activation SwiGluOai { get; } = new(Elementwise.SwiGluOai);

    /// <summary>SiLU, whose result and whose partner stay within a limit; plain where the limit is none.</summary>
    public static Activation SiluClamped(float limit) => limit > SmallestLimit ? new(Elementwise.SiluClamped, limit) : Silu;

    /// <summary>SiLU of a value below a limit, times a partner within it; plain where the limit is none.</summary>
    public static Activation ClampedSilu(float limit) => limit > SmallestLimit ? new(Elementwise.ClampedSilu, limit) : Silu;

    /// <summary>x = act(x) * up, or act(x) without up; packed on the way in the forms in which x is read next.</summary>
    public void Apply(Cpu cpu, FloatRows x, FloatRows up, InputFormats readers) => RowOps.Apply(cpu, Function, x, up, Parameters, readers);
}
