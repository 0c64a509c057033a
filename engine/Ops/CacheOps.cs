using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Some consecutive tokens of one sequence: rows of a batch, and the cache blocks their sequence is in.</summary>
internal unsafe struct TokenRun
{
    /// <summary>First row of the batch.</summary>
    public int Row;

    /// <summary>Tokens.</summary>
    public int Tokens;

    /// <summary>Position of the first token in its sequence.</summary>
    public int Position;

    /// <summary>The sequence's cache blocks, by position / 64.</summary>
    public byte** Blocks;
}

/// <summary>Where a layer's rows lie in each cache block: heads of 64 rows, first all keys, then all values.</summary>
internal readonly record struct KvLayer(KvType KeyType, KvType ValueType, int KeyDim, int ValueDim, int Heads, nint KeyOffset, nint ValueOffset)
{
    /// <summary>Bytes from one head's keys to the next's.</summary>
    public nint KeyHeadBytes => AttentionArgs.BlockLength * (nint)AttentionArgs.RowBytes(KeyType, KeyDim);

    /// <summary>Bytes from one head's values to the next's.</summary>
    public nint ValueHeadBytes => AttentionArgs.BlockLength * (nint)AttentionArgs.RowBytes(ValueType, ValueDim);
}

/// <summary>Operations over the KV cache.</summary>
internal static unsafe class CacheOps
{
    /// <summary>Stores the batch's keys and values; false if one is not finite.</summary>
    public static bool Store(WorkerPool pool, FloatKernels kernels, ReadOnlySpan<TokenRun> runs, KvLayer layer, FloatRows k, FloatRows v)
    {
        fixed (TokenRun* first = runs)
        {
            var body = new StoreBody
            {
                Runs = first, Layer = layer, K = k, V = v,
                StoreKey = kernels.StoreKv[(int)layer.KeyType], StoreValue = kernels.StoreKv[(int)layer.ValueType],
            };
            pool.Run(runs.Length, ref body);
            return !body.NonFinite;
        }
    }

    /// <summary>y = attention of the queries over the cache, parallel over runs and KV heads.</summary>
    public static void Attend(WorkerPool pool, FloatKernels kernels, byte* scratch, nint scratchStride,
        ReadOnlySpan<TokenRun> runs, KvLayer layer, FloatRows q, FloatRows y, int window, float scale)
    {
        fixed (TokenRun* first = runs)
        {
            int heads = q.Width / layer.KeyDim / layer.Heads;
            var body = new AttendBody
            {
                Kernel = kernels.Attention[((int)layer.KeyType * 3) + (int)layer.ValueType],
                Runs = first, RunCount = runs.Length, Layer = layer, Scratch = scratch, ScratchStride = scratchStride,
                Args = new AttentionArgs
                {
                    Q = q.Data, QTokenStride = q.Stride, Heads = heads, KeyDim = layer.KeyDim, ValueDim = layer.ValueDim,
                    Window = window, Scale = scale, Out = y.Data, OutTokenStride = y.Stride,
                },
            };
            if (AttendedBytes(runs, layer) * heads <= ChunkSize.Smallest) WorkerPool.RunHere(runs.Length * layer.Heads, ref body);
            else pool.Run(runs.Length * layer.Heads, ref body);
        }
    }

    // What all tokens and KV heads go through in the cache (without a window: it matters for little work only).
    private static long AttendedBytes(ReadOnlySpan<TokenRun> runs, KvLayer layer)
    {
        long rows = 0;
        foreach (TokenRun run in runs) rows += (long)run.Tokens * (run.Position + run.Tokens);
        return rows * layer.Heads * (AttentionArgs.RowBytes(layer.KeyType, layer.KeyDim) + AttentionArgs.RowBytes(layer.ValueType, layer.ValueDim));
    }

    private struct StoreBody : IParallelBody
    {
        public delegate*<float*, byte*, int, bool> StoreKey, StoreValue;
        public TokenRun* Runs;
        public KvLayer Layer;
        public FloatRows K, V;
        public bool NonFinite; // only ever set to true: a race is harmless

        public void Run(int chunk, int worker)
        {
            TokenRun run = Runs[chunk];
            int keyBytes = AttentionArgs.RowBytes(Layer.KeyType, Layer.KeyDim), valueBytes = AttentionArgs.RowBytes(Layer.ValueType, Layer.ValueDim);
            bool finite = true;
            for (int t = 0; t < run.Tokens; t++)
            {
                (int block, int slot) = Math.DivRem(run.Position + t, AttentionArgs.BlockLength);
                byte* keys = run.Blocks[block] + Layer.KeyOffset + (slot * keyBytes);
                byte* values = run.Blocks[block] + Layer.ValueOffset + (slot * valueBytes);
                for (int head = 0; head < Layer.Heads; head++, keys += Layer.KeyHeadBytes, values += Layer.ValueHeadBytes)
                {
                    finite &= StoreKey(K.Row(run.Row + t) + (head * Layer.KeyDim), keys, Layer.KeyDim);
                    finite &= StoreValue(V.Row(run.Row + t) + (head * Layer.ValueDim), values, Layer.ValueDim);
                }
            }
            if (!finite) NonFinite = true;
        }
    }

    private struct AttendBody : IParallelBody
    {
        public delegate*<AttentionArgs*, void> Kernel;
        public TokenRun* Runs;
        public int RunCount;
        public KvLayer Layer;
        public AttentionArgs Args;
        public byte* Scratch;
        public nint ScratchStride;

        public void Run(int chunk, int worker)
        {
            (int run, int head) = Math.DivRem(chunk, Layer.Heads);
            ref TokenRun tokens = ref Runs[RunCount - 1 - run]; // the last tokens look back furthest: begin with them
            AttentionArgs args = Args;
            args.Q += (tokens.Row * args.QTokenStride) + (head * args.Heads * args.KeyDim);
            args.Out += (tokens.Row * args.OutTokenStride) + (head * args.Heads * args.ValueDim);
            args.Tokens = tokens.Tokens;
            args.FirstPosition = tokens.Position;
            args.Blocks = tokens.Blocks;
            args.KeyOffset = Layer.KeyOffset + (head * Layer.KeyHeadBytes);
            args.ValueOffset = Layer.ValueOffset + (head * Layer.ValueHeadBytes);
            args.Scratch = Scratch + (worker * ScratchStride);
            Kernel(&args);
        }
    }
}
