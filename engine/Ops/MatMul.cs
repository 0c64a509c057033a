using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>A weight to multiply an input with, where the result goes, and what is added to it.</summary>
internal readonly record struct Product(Tensor Weight, FloatRows Dst, Tensor? Bias = null);

/// <summary>dst[tokens, m] = x[tokens, k] * w[m, k] for weights of any format.</summary>
internal static unsafe class MatMul
{
    /// <summary>Most products that one run can compute.</summary>
    public const int MaxProducts = 4;

    /// <summary>Products of one input with several weights, as one run: their rows are split over the threads together, and they share one
    /// packing of x. Biases are added after the products.</summary>
    /// <exception cref="EdgeLlmException">NonFinite: x, where a weight needs it quantized.</exception>
    public static void Run(Cpu cpu, FloatRows x, params ReadOnlySpan<Product> products)
    {
        cpu.Observer?.Invoke(x, products);
        cpu.Packed.Use(x);
        Run(cpu.Pool, cpu.Kernels, cpu.Scratch, cpu.ScratchStride, cpu.Packed, products);
        cpu.Packed.Forget();
        foreach (Product product in products)
            if (product.Bias is { } bias) RowOps.AddBias(cpu, product.Dst, bias);
    }

    private static void Run(WorkerPool pool, KernelSet kernels, byte* scratch, nint scratchStride, PackedActivations x, ReadOnlySpan<Product> products)
    {
        int tokens = x.Rows.Count;
        if (tokens == 0) return;
        long work = 0;
        foreach ((Tensor weight, FloatRows dst, _) in products)
        {
            if (weight.Ne0 != x.Rows.Width || weight.Ne1 != dst.Width || tokens != dst.Count) ThrowShape(weight, x.Rows, dst);
            work += weight.Bytes * tokens;
        }
        long chunkWork = Math.Max(ChunkSize.Smallest, pool.Threads == 1 ? work : work / (pool.Threads * ChunkSize.PerThread));
        var body = new Body { Count = products.Length, Scratch = scratch, ScratchStride = scratchStride };
        int chunks = 0, longest = 0;
        for (int i = 0; i < products.Length; i++)
        {
            (Tensor weight, FloatRows dst, _) = products[i];
            KernelRow kernel = kernels[weight.Type];
            PackedView view = x.In(kernel.Activation, weight.Name);
            int rows = (int)Math.Min(weight.Ne1, chunkWork / (weight.RowBytes * tokens));
            rows = Math.Max(MatMulArgs.TileRows, (rows + MatMulArgs.TileRows - 1) / MatMulArgs.TileRows * MatMulArgs.TileRows);
            longest = Math.Max(longest, rows);
            body.Products[i] = new KernelCall
            {
                Kernel = tokens == 1 ? kernel.Gemv : kernel.Gemm,
                RowsPerChunk = rows,
                FirstChunk = chunks,
                Args = new MatMulArgs
                {
                    W = weight.Pointer, RowBytes = (nint)weight.RowBytes, Rows = (int)weight.Ne1, K = (int)weight.Ne0,
                    X = view.X, XTokenStride = view.TokenStride, XGroupStride = view.GroupStride, Tokens = tokens,
                    Dst = dst.Data, DstStride = dst.Stride,
                },
            };
            chunks += ((int)weight.Ne1 + rows - 1) / rows;
        }
        if (work <= chunkWork) WorkerPool.RunHere(chunks, ref body);
        else if (tokens == 1 && longest * sizeof(float) <= scratchStride && chunks <= ChunkRanges.MaxChunks) pool.RunRedoable(chunks, body);
        else pool.Run(chunks, ref body);
    }

    private static void ThrowShape(Tensor weight, FloatRows x, FloatRows dst) =>
        throw new EdgeLlmException(ErrorCode.Internal,
            $"matmul with {weight.Name} [{weight.Ne0}, {weight.Ne1}]: input [{x.Count}, {x.Width}], output [{dst.Count}, {dst.Width}]");

    private struct KernelCall
    {
        public delegate*<MatMulArgs*, void> Kernel;
        public MatMulArgs Args;
        public int RowsPerChunk;
        public int FirstChunk;
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
            MatMulArgs args = Products[i].Args;
            int row = (chunk - Products[i].FirstChunk) * Products[i].RowsPerChunk;
            args.W += row * args.RowBytes;
            args.Dst += row;
            args.Rows = Math.Min(args.Rows - row, Products[i].RowsPerChunk);
            kernel = Products[i].Kernel;
            return args;
        }
    }
}
