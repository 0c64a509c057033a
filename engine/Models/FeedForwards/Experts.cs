using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Computes an <see cref="ExpertsSpec"/>. Rows are grouped by expert, so that each chosen expert's matrices are read once; a token's
/// experts are summed in the order of their numbers, whatever shares the batch.</summary>
internal sealed unsafe class Experts : IFeedForward
{
    private readonly ExpertsSpec _spec;
    private readonly Router _router;
    private readonly IFeedForward? _shared;
    private readonly FloatRows _logits, _weights, _latent, _rows, _gate, _up, _down, _sum, _result, _sharedResult, _sharedGate, _normed;
    private readonly int[] _choices, _order, _places, _starts; // each token's experts; entries by expert; where each stands; each expert's first
    private readonly GroupProduct[] _products;
    private readonly InputFormats _downInput;

    /// <summary>Claims its buffers.</summary>
    public Experts(ExpertsSpec spec, LayerMaking making)
    {
        (_spec, _router) = (spec, new Router(spec.Router, spec.ChoiceBias));
        Workspace workspace = making.Workspace;
        int used = spec.Router.Used, embd = spec.RouterWeight.InputLength, inner = spec.Up.InputLength, piece = Math.Max(workspace.BatchSize, used);
        _logits = spec.RoutesLayerInput ? workspace.RowsOfPass(spec.Router.Count) : workspace.Rows(spec.Router.Count);
        _weights = workspace.Rows(used);
        if (spec.LatentDown is not null) _latent = workspace.Rows(inner);
        _rows = workspace.Rows(piece, inner);
        if (spec.Gate is not null) _gate = workspace.Rows(piece, spec.Gate.OutputLength);
        _up = workspace.Rows(piece, spec.Up.OutputLength);
        _down = workspace.Rows(piece, inner);
        _sum = workspace.Rows(inner);
        _result = spec.LatentUp is null ? _sum : workspace.Rows(embd);
        if (spec.Shared is not null) _sharedResult = workspace.Rows(embd);
        if (spec.SharedGate is not null) _sharedGate = workspace.Rows(1);
        if (spec.RouterIn is not null || spec.ExpertsIn is not null) _normed = workspace.Rows(embd);
        _shared = spec.Shared?.Make(making);
        foreach (ExpertMatrices? matrices in (ReadOnlySpan<ExpertMatrices?>)[spec.Gate, spec.Up, spec.Down])
            if (matrices is not null) workspace.ClaimInput(matrices.Of(0), piece);
        foreach (Linear? linear in (ReadOnlySpan<Linear?>)[spec.RouterWeight, spec.SharedGate, spec.LatentDown, spec.LatentUp])
            if (linear is not null) workspace.ClaimInput(linear);
        _downInput = spec.Down.Of(0).Input;
        _choices = new int[workspace.BatchSize * used];
        _order = new int[_choices.Length];
        _places = new int[_choices.Length];
        _starts = new int[spec.Router.Count + 1];
        _products = new GroupProduct[2 * Math.Min(spec.Router.Count, piece)];
    }

    /// <summary>Computes the router's logits of the layer's input, where they are made of that.</summary>
    public void ReadLayerInput(Cpu cpu, FloatRows x)
    {
        if (_spec.RoutesLayerInput) MatMul.Run(cpu, x, _spec.RouterWeight.To(_logits.First(x.Count)));
    }

    /// <summary>y = the weighed sum of each token's experts, and the shared one.</summary>
    public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
    {
        FloatRows logits = _logits.First(h.Count), sum = _sum.First(h.Count), result = _result.First(h.Count), input = h;
        if (!_spec.RoutesLayerInput) MatMul.Run(cpu, Normed(cpu, _spec.RouterIn, h), _spec.RouterWeight.To(logits));
        else if (h.Count < batch.Count) RowOps.KeepRows(_logits.First(batch.Count), batch.LogitsRows);
        Route(cpu, logits);
        Share(cpu, batch, h);
        input = Normed(cpu, _spec.ExpertsIn, h);
        if (_spec.LatentDown is not null) MatMul.Run(cpu, h, _spec.LatentDown.To(input = _latent.First(h.Count)));
        for (int row = 0; row < sum.Count; row++) sum[row].Clear();
        int entries = h.Count * _spec.Router.Used;
        for (int at = 0; at < entries; at += _rows.Count) Piece(cpu, input, at, Math.Min(entries, at + _rows.Count), sum);
        if (_spec.LatentUp is not null) MatMul.Run(cpu, sum, _spec.LatentUp.To(result));
        if (_shared is not null) RowOps.Add(cpu, result, _sharedResult.First(h.Count));
        if (_spec.OutputScale != 1) RowOps.Apply(cpu, Elementwise.Scale, result, _spec.OutputScale);
        RowOps.Copy(cpu, result, y);
    }

    private FloatRows Normed(Cpu cpu, Norm? norm, FloatRows h)
    {
        if (norm is null) return h;
        FloatRows normed = _normed.First(h.Count);
        norm.Forward(cpu, h, normed);
        return normed;
    }

    private void Share(Cpu cpu, BatchPlan batch, FloatRows h)
    {
        if (_shared is null) return;
        FloatRows shared = _sharedResult.First(h.Count), gate = _sharedGate.First(h.Count);
        if (_spec.SharedGate is not null) MatMul.Run(cpu, h, _spec.SharedGate.To(gate));
        _shared.Forward(cpu, batch, h, shared);
        if (_spec.SharedGate is null) return;
        RowOps.Apply(cpu, Elementwise.Sigmoid, gate);
        RowOps.ScaleHeads(cpu, shared, shared.Width, gate);
    }

    // Chooses, and sorts the entries (token, choice) by expert, those of an expert by token.
    private void Route(Cpu cpu, FloatRows logits)
    {
        int used = _spec.Router.Used;
        var body = new ChooseBody { Router = _router, Logits = logits, Weights = _weights, Choices = _choices, Used = used };
        RowLoop<ChooseBody>.Run(cpu.Pool, logits.Count, 8L * used * logits.Width, ref body);
        Array.Clear(_starts);
        int entries = logits.Count * used;
        for (int i = 0; i < entries; i++) _starts[_choices[i] + 1]++;
        for (int e = 0; e < _spec.Router.Count; e++) _starts[e + 1] += _starts[e];
        for (int i = 0; i < entries; i++)
        {
            _places[i] = _starts[_choices[i]]++;
            _order[_places[i]] = i;
        }
        for (int e = _spec.Router.Count; e > 0; e--) _starts[e] = _starts[e - 1];
        _starts[0] = 0;
    }

    // Entries first..end-1 of the order: their rows side by side, through their experts, and added to their tokens' sums.
    private void Piece(Cpu cpu, FloatRows h, int first, int end, FloatRows sum)
    {
        int used = _spec.Router.Used;
        FloatRows rows = _rows.First(end - first), up = _up.First(rows.Count), down = _down.First(rows.Count);
        FloatRows gate = _spec.Gate is null ? default : _gate.First(rows.Count);
        var gather = new GatherBody
        {
            From = h, To = rows, Weights = _spec.WeighsInput ? _weights : default, Order = _order, First = first, Used = used,
            Scale = cpu.Float.Apply[(int)Elementwise.Scale],
        };
        RowLoop<GatherBody>.Run(cpu.Pool, rows.Count, 2L * rows.Stride * sizeof(float), ref gather);
        Products(cpu, h.Count, rows, first, end, _spec.Up, up, _spec.Gate, gate);
        FloatRows acted = _spec.Gate is null ? up : gate;
        _spec.Activation.Apply(cpu, acted, _spec.Gate is null ? default : up, _downInput);
        Products(cpu, h.Count, acted, first, end, _spec.Down, down, null, default);
        var add = new SumBody { AddScaled = cpu.Float.AddScaled, Experts = this, Sum = sum, Down = down, First = first, End = end };
        RowLoop<SumBody>.Run(cpu.Pool, sum.Count, 2L * used * sum.Stride * sizeof(float), ref add);
    }

    // Products of an expert's rows with its matrices, for all experts that entries first..end-1 have.
    private void Products(Cpu cpu, int tokens, FloatRows x, int first, int end, ExpertMatrices a, FloatRows toA, ExpertMatrices? b, FloatRows toB)
    {
        int n = 0;
        for (int e = 0; e < _spec.Router.Count; e++)
        {
            int from = Math.Max(first, _starts[e]), to = Math.Min(end, _starts[e + 1]);
            if (from >= to) continue;
            _products[n++] = new GroupProduct(a.WeightOf(e), from - first, toA.Rows(from - first, to - from));
            if (b is not null) _products[n++] = new GroupProduct(b.WeightOf(e), from - first, toB.Rows(from - first, to - from));
        }
        cpu.Groups.Run(cpu, x, _products.AsSpan(0, n), new RowTokens(_order.AsSpan(first), _spec.Router.Used, tokens));
        for (int i = 0, e = 0; i < n; e++)
        {
            if (Math.Max(first, _starts[e]) >= Math.Min(end, _starts[e + 1])) continue;
            Finish(cpu, a, e, _products[i++].Dst);
            if (b is not null) Finish(cpu, b, e, _products[i++].Dst);
        }
    }

    // An expert's factor and biases. The factor of its last matrix is part of the token's weight.
    private void Finish(Cpu cpu, ExpertMatrices matrices, int expert, FloatRows rows)
    {
        if (matrices.Scale is { } scales && !ReferenceEquals(matrices, _spec.Down)) RowOps.Apply(cpu, Elementwise.Scale, rows, ((float*)scales.Pointer)[expert]);
        if (matrices.BiasOf(expert) is { } bias) RowOps.AddBias(cpu, rows, bias);
    }

    private struct ChooseBody : IRowBody
    {
        public Router Router;
        public FloatRows Logits, Weights;
        public int[] Choices;
        public int Used;

        public void Run(int row) => Router.Choose(Logits[row], Choices.AsSpan(row * Used, Used), Weights[row]);
    }

    // Copies an entry's row of the input, weighed where the weight belongs to the input.
    private struct GatherBody : IRowBody
    {
        public FloatRows From, To, Weights;
        public int[] Order;
        public int First, Used;
        public delegate*<float*, float*, int, float*, void> Scale;

        public void Run(int row)
        {
            (int token, int slot) = Math.DivRem(Order[First + row], Used);
            From[token].CopyTo(To[row]);
            if (Weights.Data != null) Scale(To.Row(row), null, To.Width, Weights.Row(token) + slot);
        }
    }

    // Adds a token's entries among First..End-1, in the order of their experts.
    private struct SumBody : IRowBody
    {
        public delegate*<float*, float*, int, float, void> AddScaled;
        public Experts Experts;
        public FloatRows Sum, Down;
        public int First, End;

        public void Run(int row)
        {
            ExpertsSpec spec = Experts._spec;
            for (int slot = 0; slot < spec.Router.Used; slot++)
            {
                int entry = (row * spec.Router.Used) + slot, place = Experts._places[entry];
                if (place < First || place >= End) continue;
                float weight = spec.WeighsInput ? 1 : Experts._weights[row][slot];
                if (spec.Down.Scale is { } scales) weight *= ((float*)scales.Pointer)[Experts._choices[entry]];
                AddScaled(Sum.Row(row), Down.Row(place - First), Down.Width, weight);
            }
        }
    }
}
