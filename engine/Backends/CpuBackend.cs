using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Backends;

/// <summary>The operations of a forward pass on this machine's processor: kernels, threads and their working memory in one place.
/// Each call is done when it returns.</summary>
internal sealed unsafe class CpuBackend
{
    private readonly WorkerPool _pool;
    private readonly KernelSet _kernels;
    private readonly byte* _scratch;
    private readonly nint _scratchStride;
    private readonly PackedActivations _packed;

    /// <summary>Works with these threads and kernels; <paramref name="scratch"/> holds <paramref name="scratchStride"/> bytes a thread.</summary>
    public CpuBackend(WorkerPool pool, KernelSet kernels, byte* scratch, nint scratchStride, byte* packedQ8_K, byte* packedQ8_0x8)
    {
        _pool = pool;
        _kernels = kernels;
        _scratch = scratch;
        _scratchStride = scratchStride;
        _packed = new PackedActivations(pool, kernels.Float, packedQ8_K, packedQ8_0x8);
    }

    /// <summary>The threads.</summary>
    public WorkerPool Pool => _pool;

    /// <summary>Sees every matmul, if set.</summary>
    public MatMulObserver? Observer { get; set; }

    /// <summary>y[t] = embedding[tokens[t]].</summary>
    public void Embed(Tensor embedding, int* tokens, FloatRows y) => RowOps.Embed(_pool, embedding, tokens, y);

    /// <summary>y = x / sqrt(mean(x^2) + eps) * weight, packed on the way for the weights that y is multiplied with next.</summary>
    public void RmsNorm(FloatRows x, Tensor weight, float eps, FloatRows y, params ReadOnlySpan<Tensor> readers) =>
        RowOps.RmsNorm(_packed, _kernels.Float, x, weight, eps, y, readers);

    /// <summary>y = x * weight^T for each pair; they share one packing of x and one run over the threads.</summary>
    /// <exception cref="EdgeLlmException">NonFinite: x, where a weight needs it quantized.</exception>
    public void MatMul(FloatRows x, params ReadOnlySpan<(Tensor Weight, FloatRows Y)> products)
    {
        Observer?.Invoke(x, products);
        _packed.Take(x);
        Ops.MatMul.Run(_pool, _kernels, _scratch, _scratchStride, _packed, products);
        _packed.Forget();
    }

    /// <summary>Rotates every head of x in place.</summary>
    public void Rope(FloatRows x, int headDim, bool neox, FloatRows cos, FloatRows sin) =>
        RowOps.Rope(_pool, _kernels.Float, neox, x, headDim, cos, sin);

    /// <summary>Stores keys and values in the cache; false if one is not finite.</summary>
    public bool StoreKv(ReadOnlySpan<TokenRun> runs, KvLayer layer, FloatRows k, FloatRows v) =>
        CacheOps.Store(_pool, _kernels.Float, runs, layer, k, v);

    /// <summary>y = softmax(q * keys * scale) * values, over the positions up to each token's own.</summary>
    public void Attend(ReadOnlySpan<TokenRun> runs, KvLayer layer, FloatRows q, int window, float scale, FloatRows y) =>
        CacheOps.Attend(_pool, _kernels.Float, _scratch, _scratchStride, runs, layer, q, y, window, scale);

    /// <summary>gate = silu(gate) * up, packed on the way for the weights that gate is multiplied with next.</summary>
    public void SiluMul(FloatRows gate, FloatRows up, params ReadOnlySpan<Tensor> readers) =>
        RowOps.SiluMul(_packed, _kernels.Float, gate, up, readers);

    /// <summary>y += x.</summary>
    public void Add(FloatRows y, FloatRows x) => RowOps.Add(_pool, _kernels.Float, y, x);

    /// <summary>Index of the first row that holds a NaN or an infinity, or -1.</summary>
    public int FindNonFinite(FloatRows x) => NonFinite.FindRow(_pool, x);
}
