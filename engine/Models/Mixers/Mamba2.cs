using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Models;

/// <summary>The numbers of Mamba-2.</summary>
internal sealed record Mamba2Config(int Inner, int Heads, int Groups, int StateSize)
{
    /// <summary>Values of what goes through the convolution: [x | B | C].</summary>
    public int ConvWidth => Inner + (2 * Groups * StateSize);

    /// <summary>Values of all states.</summary>
    public long StateValues => (long)Inner * StateSize;
}

/// <summary>Mamba-2: a selective scan with one decay a head.</summary>
/// <param name="Config">The numbers.</param>
/// <param name="In">[z | x | B | C | dt].</param>
/// <param name="Conv">The convolution of [x | B | C], [channels][taps].</param>
/// <param name="ConvBias">Its bias.</param>
/// <param name="DtBias">Added to dt before softplus, a head each.</param>
/// <param name="A">Rates, a head each.</param>
/// <param name="D">Factor on x itself, a head each.</param>
/// <param name="GroupNorm">Norm of each group's values behind the gate; null: none.</param>
/// <param name="Output">The result.</param>
internal sealed record Mamba2Spec(
    Mamba2Config Config, Linear In, Tensor Conv, Tensor? ConvBias, Tensor DtBias, Tensor A, Tensor D, Norm? GroupNorm, Linear Output) : IMixerSpec
{
    /// <summary>The packed form of the input.</summary>
    public InputFormats Input => In.Input;

    /// <summary>The states, and the last inputs of the convolution.</summary>
    public LayerMemory Memory => new(StateBytes: (Config.StateValues * sizeof(float)) + CausalConv.StateBytes((int)Conv.Ne0, Config.ConvWidth));

    /// <summary>Any number.</summary>
    public int MaxRun => int.MaxValue;

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new Mamba2(this, making);
}

/// <summary>Computes a <see cref="Mamba2Spec"/>, token by token.</summary>
internal sealed unsafe class Mamba2 : IMixer
{
    private readonly Mamba2Spec _spec;
    private readonly Mamba2Config _config;
    private readonly nint _state;
    private readonly FloatRows _all, _z, _xBc, _conv, _dt, _out;

    /// <summary>Claims its buffers.</summary>
    public Mamba2(Mamba2Spec spec, LayerMaking making)
    {
        Mamba2Config c = spec.Config;
        (_spec, _config, _state) = (spec, c, making.Cache.StateOffset(making.Index));
        Workspace workspace = making.Workspace;
        _all = workspace.Rows(spec.In.OutputLength);
        (_z, _out) = (workspace.Rows(c.Inner), workspace.Rows(c.Inner));
        (_xBc, _conv, _dt) = (workspace.Rows(c.ConvWidth), workspace.Rows(c.ConvWidth), workspace.Rows(c.Heads));
        workspace.ClaimInput(spec.In);
        workspace.ClaimInput(spec.Output);
    }

    /// <summary>y = output(norm((scan(x) + D x) * silu(z))).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        int n = h.Count;
        FloatRows all = _all.First(n), z = _z.First(n), xBc = _xBc.First(n), conv = _conv.First(n), dt = _dt.First(n), result = _out.First(n);
        MatMul.Run(cpu, h, _spec.In.To(all));
        int at = 0;
        foreach (FloatRows rows in (ReadOnlySpan<FloatRows>)[z, xBc, dt])
        {
            RowOps.CopyHeads(cpu, all, 0, at, rows, rows.Width, 0, rows.Width);
            at += rows.Width;
        }
        CausalConv.Run(cpu, batch.States, _state + (nint)(_config.StateValues * sizeof(float)), xBc, conv, _spec.Conv, _spec.ConvBias);
        RowOps.Apply(cpu, Elementwise.Silu, conv);
        RowOps.AddBias(cpu, dt, _spec.DtBias);
        RowOps.Apply(cpu, Elementwise.Softplus, dt);
        fixed (StateRun* runs = batch.States)
        {
            var body = new Body
            {
                Spec = _spec, State = _state, Runs = runs, RunCount = batch.States.Length,
                Conv = conv, Dt = dt, Out = result, Step = cpu.Float.ScanStep,
            };
            cpu.Pool.Run(_config.Heads, ref body);
        }
        RowOps.Apply(cpu, Elementwise.Silu, z, result, []);
        if (_spec.GroupNorm is { } norm) RowOps.HeadNorm(cpu, z, _config.Inner / _config.Groups, norm.Weight, norm.Bias, norm.Epsilon, centered: false);
        RecurrentMixer.Project(cpu, batch, z, _spec.Output, y);
    }

    private struct Body : IParallelBody
    {
        public Mamba2Spec Spec;
        public nint State;
        public StateRun* Runs;
        public int RunCount;
        public FloatRows Conv, Dt, Out;
        public delegate*<float*, float*, float*, float*, int, float, float, float> Step;

        // A head's steps through all runs, in their order.
        public void Run(int head, int worker)
        {
            Mamba2Config c = Spec.Config;
            int size = c.StateSize, channels = c.Inner / c.Heads, group = head / (c.Heads / c.Groups);
            float a = ((float*)Spec.A.Pointer)[head], d = ((float*)Spec.D.Pointer)[head];
            for (int i = 0; i < RunCount; i++)
            {
                float* state = RecurrentMixer.StateOf(Runs[i], State, c.StateValues, head, c.Heads);
                for (int row = Runs[i].Row; row < Runs[i].Row + Runs[i].Tokens; row++)
                {
                    float dt = Dt.Row(row)[head], decay = ScalarMath.Exp(dt * a);
                    float* x = Conv.Row(row), b = x + c.Inner + (group * size), to = Out.Row(row);
                    for (int channel = 0; channel < channels; channel++)
                    {
                        int at = (head * channels) + channel;
                        float sum = Step(state + ((nint)channel * size), null, b, b + (c.Groups * size), size, decay, dt * x[at]);
                        to[at] = MathF.FusedMultiplyAdd(d, x[at], sum);
                    }
                }
            }
        }
    }
}
