using Edge.Llm.Backends;
using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Multi-head attention with grouped queries: each token looks back over its own sequence in the cache.</summary>
internal sealed class Attention(ModelConfig config, CpuBackend cpu, Activations buffers, KvCache cache)
{
    /// <summary>Heads side by side [n, n_head * head_dim], for normed input h [n, n_embd].</summary>
    /// <exception cref="EdgeLlmException">NonFinite.</exception>
    public FloatRows Forward(BatchPlan batch, int il, LayerWeights layer, FloatRows h, Tracer? tracer)
    {
        FloatRows q = buffers.Q.Take(h.Count), k = buffers.K.Take(h.Count), v = buffers.V.Take(h.Count), kqv = buffers.Kqv.Take(h.Count);
        KvLayer kv = cache.Shape.Layer(il);
        bool neox = config.Rope.Type == RopeType.Neox;

        cpu.MatMul(h, (layer.AttnQ, q), (layer.AttnK, k), (layer.AttnV, v));
        cpu.Rope(q, config.KeyLength, neox, buffers.Cos, buffers.Sin);
        cpu.Rope(k, config.KeyLength, neox, buffers.Cos, buffers.Sin);
        tracer?.Invoke("Qcur", il, q);
        tracer?.Invoke("Kcur", il, k);
        tracer?.Invoke("Vcur", il, v);

        if (!cpu.StoreKv(batch.Runs, kv, k, v)) ThrowNonFinite(il);
        cpu.Attend(batch.Runs, kv, q, config.SlidingWindow, config.AttentionScale, kqv);
        tracer?.Invoke("kqv_out", il, kqv);
        return kqv;
    }

    private static void ThrowNonFinite(int il) =>
        throw new EdgeLlmException(ErrorCode.NonFinite, $"layer {il}: Kcur or Vcur holds a NaN or an infinity");
}
