using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>A weight to multiply an input with, where the result goes, a factor on it, and what is added then. A factor of the weight's own
/// belongs to it and not to what adapters add.</summary>
internal readonly record struct Product(Tensor Weight, FloatRows Dst, Tensor? Bias = null, float Scale = 1, float WeightScale = 1);

/// <summary>dst[tokens, m] = x[tokens, k] * w[m, k] for weights of any format.</summary>
internal static unsafe class MatMul
{
    /// <summary>Most products that one run can compute.</summary>
    public const int MaxProducts = 4;

    /// <summary>Products of one input with several weights, as one run: their rows are split over the threads together, and they share one
    /// packing of x. Factors, adapters and biases act after the products.</summary>
    /// <exception cref="EdgeLlmException">NonFinite: x, where a weight needs it quantized.</exception>
    public static void Run(Cpu cpu, FloatRows x, params ReadOnlySpan<Product> products)
    {
        cpu.Observer?.Invoke(x, products);
        cpu.Packed.Use(x);
        Run(cpu.Pool, cpu.Kernels, cpu.Scratch, cpu.ScratchStride, cpu.Packed, products);
        cpu.Packed.Forget();
        foreach (Product product in products)
        {
            float scale = product.Scale * product.WeightScale;
            if (scale != 1) RowOps.Apply(cpu, Elementwise.Scale, product.Dst, scale);
            cpu.Adapters?.AddTo(x, product);
            if (product.Bias is { } bias) RowOps.AddBias(cpu, product.Dst, bias);
        }
    }

    /// <summary>A product of an input with a weight and nothing else, with a packing of its own.</summary>
    /// <exception cref="EdgeLlmException">NonFinite: x, where the weight needs it quantized.</exception>
    public static void Run(Cpu cpu, PackedActivations packed, FloatRows x, Product product)
    {
        packed.Use(x);
        Run(cpu.Pool, cpu.Kernels, cpu.Scratch, cpu.ScratchStride, packed, [product]);
        packed.Forget();
    }

    private static void Run(WorkerPool pool, KernelSet kernels, byte* scratch, nint scratchStride, PackedActivations x, ReadOnlySpan<Product> products)
    {
        int tokens = x.Rows.Count;
        if (tokens == 0) return;
        long work = 0;
        foreach ((Tensor weight, FloatRows dst, _, _, _) in products)
        {
            if (weight.Ne0 != x.Rows.Width || weight.Ne1 != dst.Width || tokens != dst.Count) ThrowShape(weight, x.Rows, dst);
            work += weight.Bytes * tokens;
        }
        long chunkWork = Math.Max(ChunkSize.Smallest, pool.Threads == 1 ? work : work / (pool.Threads * ChunkSize.PerThread));
        var body = new Body { Count = products.Length, Scratch = scratch, ScratchStride = scratchStride };
        int chunks = 0, longest = 0;
        for (int i = 0; i < products.Length; i++)
        {
            (Tensor weight, FloatRows dst, _, _, _) = products[i];
            KernelRow kernel = kernels[weight.Type];
            body.Products[i] = new KernelCall(kernel, weight, x.In(kernel.Activation, weight.Name), dst, chunkWork, chunks);
            longest = Math.Max(longest, body.Products[i].RowsPerChunk);
            chunks = body.Products[i].EndChunk;
        }
        if (work <= chunkWork) WorkerPool.RunHere(chunks, ref body);
        else if (tokens == 1 && longest * sizeof(float) <= scratchStride && chunks <= ChunkRanges.MaxChunks) pool.RunRedoable(chunks, body);
        else pool.Run(chunks, ref body);
    }

    private static void ThrowShape(Tensor weight, FloatRows x, FloatRows dst) =>
        throw new EdgeLlmException(ErrorCode.Internal,
            $"matmul with {weight.Name} [{weight.Ne0}, {weight.Ne1}]: input [{x.Count}, {x.Width}], output [{dst.Count}, {dst.Width}]");

    /// <summary>Room for the products of one run.</summary>
    [InlineArray(MaxProducts)]
    internal struct Products
    {
        private Product _first;
    }

    [InlineArray(MaxProducts)]
    private struct KernelCalls
    {
        private KernelCall _first;
    }

    private struct Body : IParallelBody, IRedoableBody
    {
        public KernelCalls Products;
        public int Count;
        public byte* Scratch;
        public nint ScratchStride;

        public void Run(int chunk, int worker)
        {
            MatMulArgs args = ArgsOf(chunk, out delegate*<MatMulArgs*, void> kernel);
            args.Scratch = Scratch + (worker * ScratchStride);
            kernel(&args);
        }

        // One token, whose kernels need no working memory: the results wait there.
        public void Compute(int chunk, int worker)
        {
            MatMulArgs args = ArgsOf(chunk, out delegate*<MatMulArgs*, void> kernel);
            args.Dst = (float*)(Scratch + (worker * ScratchStride));
            kernel(&args);
        }

        public void Publish(int chunk, int worker)
        {
            MatMulArgs args = ArgsOf(chunk, out _);
            Unsafe.CopyBlockUnaligned(args.Dst, Scratch + (worker * ScratchStride), (uint)(args.Rows * sizeof(float)));
        }

        private MatMulArgs ArgsOf(int chunk, out delegate*<MatMulArgs*, void> kernel)
        {
            int i = Count - 1;
            while (Products[i].FirstChunk > chunk) i--;
            kernel = Products[i].Kernel;
            return Products[i].ArgsOf(chunk);
        }
    }
}
