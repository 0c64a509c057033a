using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Runs the layers that are elsewhere, and the parts of them that are the host's.</summary>
internal sealed unsafe class StageRunner : StagePass
{
    private readonly OffloadedLayers _offloaded;
    private readonly HostMixer?[] _mixers;
    private readonly HostFeedForward?[] _networks;
    private readonly int[] _all; // numbers of all rows
    private Cpu? _cpu;
    private BatchPlan? _batch;
    private Func<bool>? _hasEnded;
    private CancellationToken _cancellation;

    /// <summary>Claims buffers for what is the host's.</summary>
    public StageRunner(OffloadedLayers offloaded, ModelSpec spec, RopeTables ropes, Workspace workspace, Func<int, LayerMaking> making)
    {
        _offloaded = offloaded;
        Ropes = ropes;
        _all = [.. Enumerable.Range(0, workspace.BatchSize)];
        int count = spec.Layers.Length - offloaded.FirstLayer;
        (_mixers, _networks) = (new HostMixer?[count], new HostFeedForward?[count]);
        for (int i = 0; i < count; i++)
        {
            LayerSpec layer = spec.Layers[offloaded.FirstLayer + i];
            if (layer.Mixer is AttentionSpec { Config.Rope: { } rope }) ropes.Of(rope);
            if (offloaded.Parts[i].HasFlag(HostParts.Mixer))
                using (workspace.Scope()) _mixers[i] = new HostMixer((AttentionSpec)layer.Mixer!, making(offloaded.FirstLayer + i));
            if (offloaded.Parts[i].HasFlag(HostParts.FeedForward))
                using (workspace.Scope()) _networks[i] = new HostFeedForward(layer.Ffn!, making(offloaded.FirstLayer + i));
        }
    }

    /// <summary>Whether what they give is the model's output, not the input of its last norm.</summary>
    public bool HaveOutput => _offloaded.HasOutput;

    /// <inheritdoc/>
    public override BatchPlan Batch => _batch!;

    /// <inheritdoc/>
    public override RopeTables Ropes { get; }

    /// <inheritdoc/>
    public override bool IsCancelled => _cancellation.IsCancellationRequested || _hasEnded?.Invoke() == true;

    /// <summary>Runs the stages on x, which has all rows of the batch, or those whose logits are wanted where no layer is left to run.</summary>
    /// <returns>Logits, where the last stage has the output matrix, in the rows given for them; else hidden states, in x or other.</returns>
    public FloatRows Forward(Cpu cpu, BatchPlan batch, FloatRows x, FloatRows other, FloatRows logits, Func<bool>? hasEnded, CancellationToken cancellation)
    {
        (_cpu, _batch, _hasEnded, _cancellation) = (cpu, batch, hasEnded, cancellation);
        for (int i = 0; i < _offloaded.Stages.Count; i++)
        {
            bool last = i == _offloaded.Stages.Count - 1, wantsLogits = last && _offloaded.HasOutput && !batch.WantsHidden;
            ReadOnlySpan<int> rows = last && x.Count == batch.Count ? batch.LogitsRows : _all.AsSpan(0, x.Count);
            FloatRows y = (wantsLogits ? logits : other).First(rows.Length);
            if (x.Count > 0) _offloaded.Stages[i].Forward(this, x, rows, y);
            (other, x) = (x, y);
        }
        return x;
    }

    /// <inheritdoc/>
    public override void Run(int layer, HostParts part, int rows, float* x, float* y)
    {
        int i = layer - _offloaded.FirstLayer;
        bool all = rows == Batch.Count, known = (uint)i < (uint)_mixers.Length && x is not null && y is not null;
        if (known && all && part == HostParts.Mixer && _mixers[i] is { } mixer) mixer.Run(_cpu!, Batch, x, y);
        else if (known && (all || rows == Batch.LogitsRows.Length) && part == HostParts.FeedForward && _networks[i] is { } network) network.Run(_cpu!, Batch, rows, x, y);
        else
            throw new EdgeLlmException(ErrorCode.PluginError,
                $"a plug-in asks for part {(int)part} of layer {layer} with {rows} rows: expected a part that is the host's, the rows of the batch ({Batch.Count}) or those wanted of a network ({Batch.LogitsRows.Length}), and pointers");
    }
}

/// <summary>The host's part of attention: all but its four products.</summary>
internal sealed unsafe class HostMixer(AttentionSpec spec, LayerMaking making)
{
    private readonly Attention _attention = new(spec, making);

    /// <summary>y [n, heads * value length] of x [n, q | k | v].</summary>
    public void Run(Cpu cpu, BatchPlan batch, float* x, float* y)
    {
        (FloatRows q, FloatRows k, FloatRows v, FloatRows kqv) = _attention.Buffers(batch.Count);
        int width = q.Width + k.Width + v.Width;
        for (int row = 0; row < batch.Count; row++)
        {
            float* from = x + ((nint)row * width);
            new ReadOnlySpan<float>(from, q.Width).CopyTo(q[row]);
            new ReadOnlySpan<float>(from + q.Width, k.Width).CopyTo(k[row]);
            new ReadOnlySpan<float>(from + q.Width + k.Width, v.Width).CopyTo(v[row]);
        }
        _attention.Mix(cpu, batch, q, k, v, kqv);
        for (int row = 0; row < batch.Count; row++) kqv[row].CopyTo(new Span<float>(y + ((nint)row * kqv.Width), kqv.Width));
    }
}

/// <summary>A feed-forward network that stays on the host.</summary>
internal sealed unsafe class HostFeedForward
{
    private readonly IFeedForward _network;
    private readonly FloatRows _h, _y;

    /// <summary>Claims its buffers.</summary>
    public HostFeedForward(IFeedForwardSpec spec, LayerMaking making)
    {
        _h = making.Workspace.Rows(making.EmbeddingLength);
        _y = making.Workspace.Rows(making.EmbeddingLength);
        _network = spec.Make(making);
    }

    /// <summary>y [rows, n_embd] of x, the normed input.</summary>
    public void Run(Cpu cpu, BatchPlan batch, int rows, float* x, float* y)
    {
        FloatRows h = _h.First(rows), result = _y.First(rows);
        cpu.Packed.Forget();
        for (int row = 0; row < rows; row++) new ReadOnlySpan<float>(x + ((nint)row * h.Width), h.Width).CopyTo(h[row]);
        _network.Forward(cpu, batch, h, result);
        for (int row = 0; row < rows; row++) result[row].CopyTo(new Span<float>(y + ((nint)row * result.Width), result.Width));
    }
}
