using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>A weight, and the rows of the input that it is multiplied with: as many as the result has, from a first one on.</summary>
internal readonly record struct GroupProduct(Tensor Weight, int FirstRow, FloatRows Dst);

/// <summary>Products of some rows of an input with one weight and of others with another (experts), as one run over the threads.</summary>
internal sealed unsafe class GroupedMatMul
{
    private KernelCall[] _calls = [];

    /// <summary>Computes all products, and what adapters add to them. Tokens tells whose rows x has; by default row i of each product is token
    /// i's.</summary>
    /// <exception cref="EdgeLlmException">NonFinite: x, where a weight needs it quantized.</exception>
    public void Run(Cpu cpu, FloatRows x, ReadOnlySpan<GroupProduct> products, RowTokens tokens = default)
    {
        cpu.Packed.Use(x);
        long work = 0;
        foreach (GroupProduct product in products)
        {
            cpu.Observer?.Invoke(x.Rows(product.FirstRow, product.Dst.Count), [new Product(product.Weight, product.Dst)]);
            work += product.Weight.Bytes * product.Dst.Count;
        }
        long chunkWork = Math.Max(ChunkSize.Smallest, cpu.Pool.Threads == 1 ? work : work / (cpu.Pool.Threads * ChunkSize.PerThread));
        if (_calls.Length < products.Length) _calls = new KernelCall[products.Length];
        int chunks = 0;
        for (int i = 0; i < products.Length; i++)
        {
            (Tensor weight, int firstRow, FloatRows dst) = products[i];
            KernelRow kernel = cpu.Kernels[weight.Type];
            PackedView view = cpu.Packed.In(kernel.Activation, weight.Name);
            _calls[i] = new KernelCall(kernel, weight, new PackedView(view.X + (firstRow * view.TokenStride), view.TokenStride, view.GroupStride), dst, chunkWork, chunks);
            chunks = _calls[i].EndChunk;
        }
        var body = new Body { Calls = _calls, Count = products.Length, Scratch = cpu.Scratch, ScratchStride = cpu.ScratchStride };
        if (work <= chunkWork) WorkerPool.RunHere(chunks, ref body);
        else cpu.Pool.Run(chunks, ref body);
        cpu.Packed.Forget();
        cpu.Adapters?.AddTo(x, products, tokens);
    }

    private struct Body : IParallelBody
    {
        public KernelCall[] Calls;
        public int Count;
        public byte* Scratch;
        public nint ScratchStride;

        public void Run(int chunk, int worker)
        {
            int low = 0, high = Count - 1;
            while (low < high)
            {
                int middle = (low + high + 1) / 2;
                if (Calls[middle].FirstChunk <= chunk) low = middle;
                else high = middle - 1;
            }
            MatMulArgs args = Calls[low].ArgsOf(chunk);
            args.Scratch = Scratch + (worker * ScratchStride);
            Calls[low].Kernel(&args);
        }
    }
}
