using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Models;

/// <summary>Mamba: a selective scan, a state of <see cref="StateSize"/> values for each channel.</summary>
/// <param name="In">[x | z].</param>
/// <param name="Conv">The convolution of x, [channels][taps].</param>
/// <param name="ConvBias">Its bias.</param>
/// <param name="X">[dt | B | C] of x.</param>
/// <param name="Dt">From the short dt to the channels'; its bias joins before softplus.</param>
/// <param name="A">Rates [channels][state].</param>
/// <param name="D">Factor on x itself, a channel each.</param>
/// <param name="Output">The result.</param>
internal sealed record MambaSpec(Linear In, Tensor Conv, Tensor? ConvBias, Linear X, Linear Dt, Tensor A, Tensor D, Linear Output) : IMixerSpec
{
    /// <summary>Norms of dt, B and C; null: none.</summary>
    public Norm[]? Norms { get; init; }

    /// <summary>Channels.</summary>
    public int Inner => (int)Conv.Ne1;

    /// <summary>Values of a channel's state.</summary>
    public int StateSize => (int)A.Ne0;

    /// <summary>The packed form of the input.</summary>
    public InputFormats Input => In.Input;

    /// <summary>The states, and the last inputs of the convolution.</summary>
    public LayerMemory Memory => new(StateBytes: ((long)Inner * StateSize * sizeof(float)) + CausalConv.StateBytes((int)Conv.Ne0, Inner));

    /// <summary>Any number.</summary>
    public int MaxRun => int.MaxValue;

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new Mamba(this, making);
}

/// <summary>Computes a <see cref="MambaSpec"/>, token by token.</summary>
internal sealed unsafe class Mamba : IMixer
{
    private const int Parts = 16; // channels are split so among threads

    private readonly MambaSpec _spec;
    private readonly nint _state;
    private readonly FloatRows _xz, _x, _z, _conv, _dtBc, _dtShort, _b, _c, _dt;

    /// <summary>Claims its buffers.</summary>
    public Mamba(MambaSpec spec, LayerMaking making)
    {
        (_spec, _state) = (spec, making.Cache.StateOffset(making.Index));
        Workspace workspace = making.Workspace;
        _xz = workspace.Rows(2 * spec.Inner);
        (_x, _z, _conv, _dt) = (workspace.Rows(spec.Inner), workspace.Rows(spec.Inner), workspace.Rows(spec.Inner), workspace.Rows(spec.Inner));
        _dtBc = workspace.Rows(spec.X.OutputLength);
        (_dtShort, _b, _c) = (workspace.Rows(spec.Dt.InputLength), workspace.Rows(spec.StateSize), workspace.Rows(spec.StateSize));
        foreach (Linear linear in (ReadOnlySpan<Linear>)[spec.In, spec.X, spec.Dt, spec.Output]) workspace.ClaimInput(linear);
    }

    /// <summary>y = output((scan(x) + D x) * silu(z)).</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        int n = h.Count, inner = _spec.Inner;
        FloatRows xz = _xz.First(n), x = _x.First(n), z = _z.First(n), conv = _conv.First(n), dt = _dt.First(n), b = _b.First(n), c = _c.First(n);
        FloatRows dtBc = _dtBc.First(n), dtShort = _dtShort.First(n);
        MatMul.Run(cpu, h, _spec.In.To(xz));
        RowOps.CopyHeads(cpu, xz, 0, 0, x, inner, 0, inner);
        RowOps.CopyHeads(cpu, xz, 0, inner, z, inner, 0, inner);
        CausalConv.Run(cpu, batch.States, _state + (nint)((long)inner * _spec.StateSize * sizeof(float)), x, conv, _spec.Conv, _spec.ConvBias);
        RowOps.Apply(cpu, Elementwise.Silu, conv);
        MatMul.Run(cpu, conv, _spec.X.To(dtBc));
        int at = 0, part = 0;
        foreach (FloatRows rows in (ReadOnlySpan<FloatRows>)[dtShort, b, c])
        {
            RowOps.CopyHeads(cpu, dtBc, 0, at, rows, rows.Width, 0, rows.Width);
            at += rows.Width;
            _spec.Norms?[part++].Forward(cpu, rows, rows);
        }
        MatMul.Run(cpu, dtShort, _spec.Dt.To(dt));
        RowOps.Apply(cpu, Elementwise.Softplus, dt);
        fixed (StateRun* runs = batch.States)
        {
            var body = new Body
            {
                Spec = _spec, State = _state, Runs = runs, RunCount = batch.States.Length, X = conv,
                Dt = dt, B = b, C = c, Out = x, Step = cpu.Float.ScanStep,
            };
            cpu.Pool.Run(Parts, ref body);
        }
        RowOps.Apply(cpu, Elementwise.Silu, z, x, []);
        RecurrentMixer.Project(cpu, batch, z, _spec.Output, y);
    }

    private struct Body : IParallelBody
    {
        public MambaSpec Spec;
        public nint State;
        public StateRun* Runs;
        public int RunCount;
        public FloatRows X, Dt, B, C, Out;
        public delegate*<float*, float*, float*, float*, int, float, float, float> Step;

        public void Run(int part, int worker)
        {
            int size = Spec.StateSize, first = (int)((long)Spec.Inner * part / Parts), end = (int)((long)Spec.Inner * (part + 1) / Parts);
            float* a = (float*)Spec.A.Pointer, d = (float*)Spec.D.Pointer;
            for (int i = 0; i < RunCount; i++)
                for (int channel = first; channel < end; channel++)
                {
                    float* state = RecurrentMixer.StateOf(Runs[i], State, (long)Spec.Inner * size, channel, Spec.Inner);
                    for (int row = Runs[i].Row; row < Runs[i].Row + Runs[i].Tokens; row++)
                    {
                        float x = X.Row(row)[channel], dt = Dt.Row(row)[channel];
                        float sum = Step(state, a + ((nint)channel * size), B.Row(row), C.Row(row), size, dt, dt * x);
                        Out.Row(row)[channel] = MathF.FusedMultiplyAdd(d[channel], x, sum);
                    }
                }
        }
    }
}
