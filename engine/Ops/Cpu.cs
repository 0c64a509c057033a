using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Is shown every intermediate of a forward pass under llama.cpp's name for it. Layer -1 is outside the layers.</summary>
internal delegate void Tracer(string name, int layer, FloatRows tensor);

/// <summary>Is shown the input of a matmul and what it is multiplied with, before the products are computed. Of a tensor of several
/// matrices (experts) a weight is the one used, under the tensor's name.</summary>
internal delegate void MatMulObserver(FloatRows x, ReadOnlySpan<Product> products);

/// <summary>What a forward pass runs on: threads, kernels and their working memory, and those who look on.</summary>
internal sealed unsafe class Cpu(WorkerPool pool, KernelSet kernels, byte* scratch, nint scratchStride, PackedActivations packed)
{
    /// <summary>The threads.</summary>
    public WorkerPool Pool => pool;

    /// <summary>The matmul kernels of each format.</summary>
    public KernelSet Kernels => kernels;

    /// <summary>All other kernels.</summary>
    public FloatKernels Float => kernels.Float;

    /// <summary>Working memory of thread 0.</summary>
    public byte* Scratch => scratch;

    /// <summary>Bytes from one thread's working memory to the next's.</summary>
    public nint ScratchStride => scratchStride;

    /// <summary>The input of matmuls in packed forms.</summary>
    public PackedActivations Packed => packed;

    /// <summary>Products of groups of rows.</summary>
    public GroupedMatMul Groups { get; } = new();

    /// <summary>What adapters add to products, while a pass has rows with some.</summary>
    public AdaptedRows? Adapters { get; set; }

    /// <summary>Sees the intermediates, if set.</summary>
    public Tracer? Tracer { get; set; }

    /// <summary>Sees every matmul, if set.</summary>
    public MatMulObserver? Observer { get; set; }

    /// <summary>Shows an intermediate.</summary>
    public void Trace(string name, int layer, FloatRows tensor) => Tracer?.Invoke(name, layer, tensor);
}
