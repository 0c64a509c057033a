using Edge.Llm.Backends;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The dense feed-forward network: down(silu(gate(h)) * up(h)).</summary>
internal sealed class FeedForward(CpuBackend cpu, Activations buffers)
{
    /// <summary>Overwrites the normed input h [n, n_embd] with the result.</summary>
    public void Forward(LayerWeights layer, FloatRows h)
    {
        FloatRows gate = buffers.Gate.Take(h.Count), up = buffers.Up.Take(h.Count);
        cpu.MatMul(h, (layer.FfnGate, gate), (layer.FfnUp, up));
        cpu.SiluMul(gate, up, layer.FfnDown);
        cpu.MatMul(gate, (layer.FfnDown, h));
    }
}
