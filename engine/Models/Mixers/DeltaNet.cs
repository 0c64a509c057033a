using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Models;

/// <summary>The numbers of a gated delta net.</summary>
internal sealed record DeltaConfig
{
    /// <summary>Heads of queries and keys.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>Heads of values, each with a state of its own.</summary>
    public required int ValueHeads { get; init; }

    /// <summary>Values in a head.</summary>
    public required int HeadLength { get; init; }

    /// <summary>Whether value head j uses key head j mod KeyHeads, not j / (ValueHeads / KeyHeads).</summary>
    public bool HeadsAlternate { get; init; }

    /// <summary>Whether each channel of a key has a decay of its own.</summary>
    public bool DecayPerChannel { get; init; }

    /// <summary>What makes factors of the gate.</summary>
    public Elementwise GateFunction { get; init; } = Elementwise.Silu;

    /// <summary>Added to the squared length of queries and keys.</summary>
    public required float Epsilon { get; init; }

    /// <summary>Values of all heads' keys, and of all heads' values.</summary>
    public int KeyWidth => KeyHeads * HeadLength;

    /// <inheritdoc cref="KeyWidth"/>
    public int ValueWidth => ValueHeads * HeadLength;

    /// <summary>Values of the states.</summary>
    public long StateValues => (long)ValueWidth * HeadLength;
}

/// <summary>A gated delta net (Qwen3-Next) or Kimi's delta attention: its numbers and matrices.</summary>
internal sealed record DeltaSpec(DeltaConfig Config) : IMixerSpec
{
    /// <summary>Queries, keys and values: one matrix of all, or three.</summary>
    public required Linear[] Qkv { get; init; }

    /// <summary>The convolutions that they go through.</summary>
    public required Tensor[] Conv { get; init; }

    /// <summary>The output's gate; through a shorter vector if there are two matrices.</summary>
    public required Linear[] Gate { get; init; }

    /// <summary>Logits of beta, and of the decay; one matrix of both for each key head, or two. The decay may go through a shorter vector.</summary>
    public required Linear[] Beta { get; init; }

    /// <inheritdoc cref="Beta"/>
    public required Linear[] Decay { get; init; }

    /// <summary>Added to the decay's logits.</summary>
    public required Tensor DecayBias { get; init; }

    /// <summary>Factors on the decay, one a head.</summary>
    public required Tensor A { get; init; }

    /// <summary>Norm of each head of the result.</summary>
    public required Norm HeadNorm { get; init; }

    /// <summary>The result.</summary>
    public required Linear Output { get; init; }

    /// <summary>The packed forms of the products' input.</summary>
    public InputFormats Input => Qkv[0].Input | Gate[0].Input | Beta[0].Input | (Decay.Length > 0 ? Decay[0].Input : InputFormats.None);

    /// <summary>The last inputs of the convolutions, and the states.</summary>
    public LayerMemory Memory => new(StateBytes: (Config.StateValues * sizeof(float)) + ConvBytes);

    /// <summary>Bytes of the convolutions' inputs, which lie behind the states.</summary>
    public long ConvBytes => Conv.Sum(conv => CausalConv.StateBytes((int)conv.Ne0, (int)(conv.Ne1 * conv.Ne2 * conv.Ne3)));

    /// <summary>Any number.</summary>
    public int MaxRun => int.MaxValue;

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new DeltaNet(this, making);
}

/// <summary>Computes a <see cref="DeltaSpec"/>, token by token.</summary>
internal sealed unsafe class DeltaNet : IMixer
{
    private readonly DeltaSpec _spec;
    private readonly DeltaConfig _config;
    private readonly nint _state;
    private readonly FloatRows _in, _conv, _qk, _v, _gate, _beta, _decay, _short, _both, _out;

    /// <summary>Claims its buffers.</summary>
    public DeltaNet(DeltaSpec spec, LayerMaking making)
    {
        DeltaConfig c = spec.Config;
        (_spec, _config, _state) = (spec, c, making.Cache.StateOffset(making.Index));
        Workspace workspace = making.Workspace;
        int all = (2 * c.KeyWidth) + c.ValueWidth;
        (_in, _conv) = (workspace.Rows(all), workspace.Rows(all));
        (_qk, _v, _out) = (workspace.Rows(2 * c.KeyWidth), workspace.Rows(c.ValueWidth), workspace.Rows(c.ValueWidth));
        _gate = workspace.Rows(c.ValueWidth);
        _beta = workspace.Rows(c.ValueHeads);
        _decay = workspace.Rows(c.DecayPerChannel ? c.ValueWidth : c.ValueHeads);
        if (spec.Decay.Length == 0) _both = workspace.Rows(2 * c.ValueHeads);
        if (spec.Gate.Length > 1) _short = workspace.Rows(Math.Max(spec.Gate[0].OutputLength, spec.Decay[0].OutputLength));
        foreach (Linear linear in (ReadOnlySpan<Linear>)[.. spec.Qkv, .. spec.Gate, .. spec.Beta, .. spec.Decay, spec.Output]) workspace.ClaimInput(linear);
    }

    /// <summary>y = output(norm(o) * f(gate)), o what the states answer.</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        int n = h.Count;
        FloatRows qk = _qk.First(n), v = _v.First(n), gate = _gate.First(n), beta = _beta.First(n), decay = _decay.First(n), result = _out.First(n);
        Convolve(cpu, batch, h, qk, v);
        Through(cpu, h, _spec.Gate, gate);
        BetaAndDecay(cpu, h, beta, decay);
        // q / |q| / sqrt(d) and k / |k|: the norm of d values makes them sqrt(d) long.
        int d = _config.HeadLength;
        RowOps.HeadNorm(cpu, qk, d, null, null, _config.Epsilon / d, centered: false);
        RowOps.Apply(cpu, Elementwise.Scale, qk, 1 / MathF.Sqrt(d));
        fixed (StateRun* runs = batch.States)
        {
            var body = new Body
            {
                Net = this, Runs = runs, RunCount = batch.States.Length, Qk = qk, V = v,
                Beta = beta, Decay = decay, Out = result, Step = cpu.Float.DeltaStep,
            };
            cpu.Pool.Run(_config.ValueHeads, ref body);
        }
        RowOps.Apply(cpu, Elementwise.Scale, result, 1 / MathF.Sqrt(d));
        _spec.HeadNorm.ForwardHeads(cpu, result, d);
        RowOps.Apply(cpu, _config.GateFunction, gate, result, []);
        RecurrentMixer.Project(cpu, batch, gate, _spec.Output, y);
    }

    // [q | k | v] through their convolutions and SiLU.
    private void Convolve(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows qk, FloatRows v)
    {
        nint state = _state + (nint)(_config.StateValues * sizeof(float));
        if (_spec.Qkv.Length == 1)
        {
            FloatRows all = _in.First(h.Count), conv = _conv.First(h.Count);
            MatMul.Run(cpu, h, _spec.Qkv[0].To(all));
            CausalConv.Run(cpu, batch.States, state, all, conv, _spec.Conv[0], null);
            RowOps.Apply(cpu, Elementwise.Silu, conv);
            RowOps.CopyHeads(cpu, conv, 0, 0, qk, qk.Width, 0, qk.Width);
            RowOps.CopyHeads(cpu, conv, 0, qk.Width, v, v.Width, 0, v.Width);
            return;
        }
        for (int part = 0; part < 3; part++)
        {
            int width = part == 2 ? _config.ValueWidth : _config.KeyWidth;
            FloatRows one = new FloatRows(_in.Data, h.Count, width), conv = new(_conv.Data, h.Count, width);
            MatMul.Run(cpu, h, _spec.Qkv[part].To(one));
            CausalConv.Run(cpu, batch.States, state, one, conv, _spec.Conv[part], null);
            RowOps.Apply(cpu, Elementwise.Silu, conv);
            if (part == 2) RowOps.Copy(cpu, conv, v);
            else RowOps.CopyHeads(cpu, conv, 0, 0, qk, qk.Width, part * width, width);
            state += (nint)CausalConv.StateBytes((int)_spec.Conv[part].Ne0, width);
        }
    }

    // beta = sigmoid; decay = e^(softplus(logits + bias) * a).
    private void BetaAndDecay(Cpu cpu, FloatRows h, FloatRows beta, FloatRows decay)
    {
        Through(cpu, h, _spec.Decay.Length == 0 ? [] : _spec.Beta, beta);
        Through(cpu, h, _spec.Decay, decay);
        if (_spec.Decay.Length == 0)
        {
            FloatRows both = _both.First(h.Count);
            int each = _config.ValueHeads / _config.KeyHeads;
            MatMul.Run(cpu, h, _spec.Beta[0].To(both));
            RowOps.CopyHeads(cpu, both, 2 * each, 0, beta, each, 0, each);
            RowOps.CopyHeads(cpu, both, 2 * each, each, decay, each, 0, each);
        }
        RowOps.Apply(cpu, Elementwise.Sigmoid, beta);
        RowOps.AddBias(cpu, decay, _spec.DecayBias);
        RowOps.Apply(cpu, Elementwise.Softplus, decay);
        var a = (float*)_spec.A.Pointer;
        int perHead = decay.Width / _config.ValueHeads;
        for (int row = 0; row < decay.Count; row++)
            for (int i = 0; i < decay.Width; i++) decay.Row(row)[i] = ScalarMath.Exp(decay.Row(row)[i] * a[i / perHead]);
    }

    private void Through(Cpu cpu, FloatRows h, Linear[] matrices, FloatRows to)
    {
        if (matrices.Length == 1) MatMul.Run(cpu, h, matrices[0].To(to));
        if (matrices.Length < 2) return;
        var middle = new FloatRows(_short.Data, h.Count, matrices[0].OutputLength);
        MatMul.Run(cpu, h, matrices[0].To(middle));
        MatMul.Run(cpu, middle, matrices[1].To(to));
    }

    private struct Body : IParallelBody
    {
        public DeltaNet Net;
        public StateRun* Runs;
        public int RunCount;
        public FloatRows Qk, V, Beta, Decay, Out;
        public delegate*<float*, float*, float*, float*, float*, int, float, float*, int, void> Step;

        // A head's steps through all runs, in their order.
        public void Run(int head, int worker)
        {
            DeltaConfig c = Net._config;
            int d = c.HeadLength, keyHead = c.HeadsAlternate ? head % c.KeyHeads : head / (c.ValueHeads / c.KeyHeads), decays = Decay.Width / c.ValueHeads;
            for (int i = 0; i < RunCount; i++)
            {
                StateRun run = Runs[i];
                float* state = RecurrentMixer.StateOf(run, Net._state, c.StateValues, head, c.ValueHeads);
                for (int row = run.Row; row < run.Row + run.Tokens; row++)
                {
                    float* q = Qk.Row(row) + (keyHead * d);
                    float* v = V.Row(row) + (head * d), decay = Decay.Row(row) + (head * decays), o = Out.Row(row) + (head * d);
                    Step(state, q, q + c.KeyWidth, v, decay, decays == 1 ? 0 : 1, Beta.Row(row)[head], o, d);
                }
            }
        }
    }
}
