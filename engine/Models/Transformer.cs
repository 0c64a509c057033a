using Edge.Llm.Backends;
using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Is shown every intermediate of a forward pass under llama.cpp's name for it; layer -1 is outside the layers.</summary>
internal delegate void Tracer(string name, int layer, FloatRows tensor);

/// <summary>The decoder: embedding, layers of attention and feed-forward network around a residual stream, output. Prefill and decode
/// are the same function: a batch of many tokens or of one for each sequence.</summary>
internal sealed unsafe class Transformer
{
    private readonly ModelConfig _config;
    private readonly Weights _weights;
    private readonly CpuBackend _cpu;
    private readonly Activations _buffers;
    private readonly RopeTables _rope;
    private readonly Attention _attention;
    private readonly FeedForward _feedForward;

    /// <summary>A decoder over weights, a cache and scratch that it does not own.</summary>
    public Transformer(ModelConfig config, Weights weights, CpuBackend cpu, Activations buffers, KvCache cache)
    {
        _config = config;
        _weights = weights;
        _cpu = cpu;
        _buffers = buffers;
        _rope = new RopeTables(config.Rope, weights.RopeFreqs);
        _attention = new Attention(config, cpu, buffers, cache);
        _feedForward = new FeedForward(cpu, buffers);
    }

    /// <summary>Sees the intermediates, if set.</summary>
    public Tracer? Tracer { get; set; }

    /// <summary>Runs a batch and returns the logits [rows, n_vocab] or hidden states [rows, n_embd] of the rows that it asks for, valid until
    /// the next call.</summary>
    /// <exception cref="EdgeLlmException">Cancelled, NonFinite: the cache holds no part of the batch then.</exception>
    public FloatRows Forward(BatchPlan batch, CancellationToken cancellation)
    {
        FloatRows x = _buffers.X.Take(batch.Count);

        _cpu.Embed(_weights.TokenEmbd, batch.Tokens, x);
        Trace("inp_embd", -1, x);
        _rope.Fill(_cpu.Pool, batch.Positions, _buffers.Cos.Take(batch.Count), _buffers.Sin.Take(batch.Count));

        for (int il = 0; il < _config.BlockCount; il++)
        {
            if (cancellation.IsCancellationRequested) ThrowCancelled(il);
            LayerWeights layer = _weights.Layers[il];

            FloatRows h = Norm(x, layer.AttnNorm, layer.AttnQ, layer.AttnK, layer.AttnV);
            Trace("attn_norm", il, h);
            FloatRows kqv = _attention.Forward(batch, il, layer, h, Tracer);
            if (il == _config.BlockCount - 1)
            {
                // The cache has all keys and values: from here on only the rows whose logits are wanted matter.
                x = RowOps.KeepRows(x, batch.LogitsRows);
                h = h.Take(x.Count);
                kqv = RowOps.KeepRows(kqv, batch.LogitsRows);
            }
            _cpu.MatMul(kqv, (layer.AttnOutput, h));
            Trace("attn_out", il, h);
            _cpu.Add(x, h);
            Trace("ffn_inp", il, x);

            h = Norm(x, layer.FfnNorm, layer.FfnGate, layer.FfnUp);
            Trace("ffn_norm", il, h);
            _feedForward.Forward(layer, h);
            Trace("ffn_out", il, h);
            _cpu.Add(x, h);
            Trace("l_out", il, x);
        }

        FloatRows result = Norm(x, _weights.OutputNorm, _weights.Output);
        Trace("result_norm", -1, result);
        if (batch.WantsHidden)
        {
            if (_cpu.FindNonFinite(result) is >= 0 and int bad) ThrowNonFinite("result_norm: the hidden state", batch.LogitsRows[bad]);
            return result;
        }
        FloatRows logits = _buffers.Logits.Take(x.Count);
        _cpu.MatMul(result, (_weights.Output, logits));
        Trace("result_output", -1, logits);
        if (_cpu.FindNonFinite(logits) is >= 0 and int row) ThrowNonFinite("result_output: the logits", batch.LogitsRows[row]);
        return logits;
    }

    private FloatRows Norm(FloatRows x, Tensor weight, params ReadOnlySpan<Tensor> readers)
    {
        FloatRows h = _buffers.H.Take(x.Count);
        _cpu.RmsNorm(x, weight, _config.LayerNormRmsEpsilon, h, readers);
        return h;
    }

    private void Trace(string name, int layer, FloatRows tensor) => Tracer?.Invoke(name, layer, tensor);

    private static void ThrowCancelled(int il) => throw new EdgeLlmException(ErrorCode.Cancelled, $"cancelled before layer {il}");

    private static void ThrowNonFinite(string what, int row) =>
        throw new EdgeLlmException(ErrorCode.NonFinite, $"{what} of row {row} of the batch holds a NaN or an infinity");
}
