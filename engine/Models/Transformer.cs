using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The decoder: embedding, layers around a residual stream, norm, output. Prefill and decode are the same function: a batch of
/// many tokens or of one for each sequence.</summary>
internal sealed unsafe class Transformer
{
    private readonly ModelSpec _spec;
    private readonly FloatRows _x, _h, _logits;
    private readonly RopeTables _ropes;
    private readonly PerLayerInputs? _perLayer;
    private readonly Streams? _streams;
    private readonly Layer[] _layers;
    private readonly StageRunner? _stages;
    private readonly PoolingHead _head;

    /// <summary>A decoder that gives at most <paramref name="logitsRows"/> rows of logits, some of whose layers may run elsewhere. It claims its
    /// buffers.</summary>
    public Transformer(ModelSpec spec, CacheLayout cache, Workspace workspace, int logitsRows, OffloadedLayers? offloaded)
    {
        _spec = spec;
        int here = offloaded?.FirstLayer ?? spec.Layers.Length;
        _x = workspace.Rows(spec.EmbeddingLength);
        _h = workspace.Rows(spec.EmbeddingLength);
        FloatRows branch = Array.Exists(spec.Layers, layer => layer.Topology == Topology.Parallel) ? workspace.Rows(spec.EmbeddingLength) : default;
        _ropes = new RopeTables(workspace, cache.Size.ContextSize);
        var biases = new PositionBiases(workspace, cache.Size.ContextSize);
        if (spec.PerLayer is not null) _perLayer = new PerLayerInputs(spec.PerLayer, workspace);
        if (spec.Streams is not null) _streams = new Streams(spec.Streams, workspace);
        LayerMaking Making(int il) => new(il, spec.EmbeddingLength, workspace, _ropes, biases, _perLayer, _streams, cache);
        _layers = [.. spec.Layers.Take(here).Select((layer, il) => new Layer(layer, Making(il), il == spec.Layers.Length - 1, _h, branch))];
        if (offloaded is not null) _stages = new StageRunner(offloaded, spec, _ropes, workspace, Making);
        _head = new PoolingHead(spec.Pooling, workspace);
        if (!spec.HasLogits) return;
        _logits = workspace.Rows(logitsRows, spec.VocabSize);
        if (offloaded?.HasOutput == true) return;
        workspace.ClaimInput(spec.Output);
    }

    /// <summary>Rows of logits that it can give.</summary>
    public int LogitsRows => _logits.Count;

    /// <summary>What the head for texts makes of a vector.</summary>
    public float[] Head(Cpu cpu, float[] vector) => _head.Forward(cpu, vector);

    /// <summary>Runs a batch and returns the logits [rows, n_vocab] or hidden states [rows, n_embd] of the rows that it asks for, valid until
    /// the next call.</summary>
    /// <exception cref="EdgeLlmException">Cancelled, NonFinite: the cache holds no part of the batch then.</exception>
    public FloatRows Forward(Cpu cpu, BatchPlan batch, Func<bool>? hasEnded, CancellationToken cancellation)
    {
        FloatRows x = _x.First(batch.Count);
        _spec.Embedding.Forward(cpu, batch, x, _h.First(batch.Count));
        _ropes.Fill(cpu, batch);
        _perLayer?.Fill(cpu, batch, x);
        _streams?.Split(cpu, x);

        for (int il = 0; il < _layers.Length; il++)
        {
            if (cancellation.IsCancellationRequested || hasEnded?.Invoke() == true) ThrowCancelled(il);
            x = _layers[il].Forward(cpu, batch, x);
        }
        _streams?.Merge(cpu, x);
        if (_stages is not null) x = _stages.Forward(cpu, batch, x, _h, _logits, hasEnded, cancellation);
        FloatRows result = _stages?.HaveOutput == true ? x : Output(cpu, batch, x);
        return Finite(cpu, batch, result, batch.WantsHidden ? "result_norm: the hidden state" : "result_output: the logits");
    }

    private FloatRows Output(Cpu cpu, BatchPlan batch, FloatRows x)
    {
        FloatRows result = _spec.OutputNorm is null ? x : _h.First(x.Count);
        _spec.OutputNorm?.Forward(cpu, x, result, _spec.Output.Input);
        cpu.Trace("result_norm", -1, result);
        if (batch.WantsHidden) return result;

        FloatRows logits = _logits.First(x.Count);
        MatMul.Run(cpu, result, _spec.Output.To(logits));
        if (_spec.FinalSoftcap != 0) RowOps.Apply(cpu, Elementwise.SoftCap, logits, _spec.FinalSoftcap);
        cpu.Trace("result_output", -1, logits);
        return logits;
    }

    private static FloatRows Finite(Cpu cpu, BatchPlan batch, FloatRows rows, string what)
    {
        if (NonFinite.FindRow(cpu.Pool, rows) is >= 0 and int row)
            throw new EdgeLlmException(ErrorCode.NonFinite, $"{what} of row {batch.LogitsRows[row]} of the batch holds a NaN or an infinity");
        return rows;
    }

    private static void ThrowCancelled(int il) => throw new EdgeLlmException(ErrorCode.Cancelled, $"cancelled before layer {il}");
}
