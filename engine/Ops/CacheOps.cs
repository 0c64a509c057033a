using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Some consecutive tokens of one sequence: rows of a batch, and where their sequence keeps what a group of layers remembers.</summary>
internal unsafe struct TokenRun
{
    /// <summary>First row of the batch.</summary>
    public int Row;

    /// <summary>Tokens.</summary>
    public int Tokens;

    /// <summary>Position of the first token in its sequence.</summary>
    public int Position;

    /// <summary>Length of the sequence with all of the batch's tokens.</summary>
    public int SequenceEnd;

    /// <summary>The group's cache blocks, by position / 64.</summary>
    public byte** Blocks;
}

/// <summary>Consecutive tokens of one sequence, and where its recurrent layers find the state before them and put the one after.</summary>
internal unsafe struct StateRun
{
    /// <summary>First row of the batch.</summary>
    public int Row;

    /// <summary>Tokens.</summary>
    public int Tokens;

    /// <summary>The state before the tokens; null is zero. It may be <see cref="NextState"/>.</summary>
    public byte* State;

    /// <summary>Where the state after the tokens goes.</summary>
    public byte* NextState;
}

/// <summary>Where a layer's rows lie in each block of its cache group: head after head, 64 rows each.</summary>
internal readonly record struct KvLayer
{
    /// <summary>Index of the group.</summary>
    public required int Group { get; init; }

    /// <summary>Type of the cached keys.</summary>
    public required KvType KeyType { get; init; }

    /// <summary>Type of the cached values.</summary>
    public required KvType ValueType { get; init; }

    /// <summary>Heads of keys and values.</summary>
    public required int Heads { get; init; }

    /// <summary>Values in a head of keys.</summary>
    public required int KeyDim { get; init; }

    /// <summary>Values in a head of values.</summary>
    public required int ValueDim { get; init; }

    /// <summary>Positions a token looks back over; int.MaxValue without a sliding window.</summary>
    public required int Window { get; init; }

    /// <summary>First byte of the keys.</summary>
    public required nint KeyOffset { get; init; }

    /// <summary>First byte of the values; that of the keys where a value is the beginning of its key.</summary>
    public required nint ValueOffset { get; init; }

    /// <summary>Bytes from one position's key to the next's.</summary>
    public required nint KeyStride { get; init; }

    /// <summary>Bytes from one position's value to the next's.</summary>
    public required nint ValueStride { get; init; }

    /// <summary>Whether values are beginnings of keys, and have no memory of their own.</summary>
    public bool ValuesInKeys => ValueOffset == KeyOffset;

    /// <summary>Bytes from one head's keys to the next's.</summary>
    public nint KeyHeadBytes => AttentionArgs.BlockLength * KeyStride;

    /// <summary>Bytes from one head's values to the next's.</summary>
    public nint ValueHeadBytes => AttentionArgs.BlockLength * ValueStride;
}

/// <summary>How attention makes weights of products; see the members of <see cref="AttentionArgs"/>.</summary>
internal unsafe struct Scoring
{
    public float Scale, Softcap;
    public float* Sinks, Bias;
    public nint BiasStride;
    public int Chunk;
    public bool BothDirections;
}

/// <summary>Operations over the KV cache.</summary>
internal static unsafe class CacheOps
{
    /// <summary>Stores the batch's keys and values; false if one is not finite.</summary>
    public static bool Store(Cpu cpu, ReadOnlySpan<TokenRun> runs, in KvLayer layer, FloatRows k, FloatRows v)
    {
        fixed (TokenRun* first = runs)
        {
            var body = new StoreBody
            {
                Runs = first, Layer = layer, K = k, V = v,
                StoreKey = KvFormat.All[(int)layer.KeyType].Store, StoreValue = KvFormat.All[(int)layer.ValueType].Store,
            };
            cpu.Pool.Run(runs.Length, ref body);
            return !body.NonFinite;
        }
    }

    /// <summary>y = softmax(q * keys, scored) * values over the positions that each token sees, parallel over runs and KV heads.</summary>
    public static void Attend(Cpu cpu, ReadOnlySpan<TokenRun> runs, in KvLayer layer, FloatRows q, FloatRows y, Scoring scoring)
    {
        fixed (TokenRun* first = runs)
        {
            int heads = q.Width / layer.KeyDim / layer.Heads;
            var body = new AttendBody
            {
                Kernel = cpu.Float.Attention,
                Runs = first, RunCount = runs.Length, Layer = layer, Scratch = cpu.Scratch, ScratchStride = cpu.ScratchStride,
                Args = new AttentionArgs
                {
                    Q = q.Data, QTokenStride = q.Stride, Heads = heads, KeyDim = layer.KeyDim, ValueDim = layer.ValueDim,
                    KeyStride = layer.KeyStride, ValueStride = layer.ValueStride, Window = layer.Window, Chunk = scoring.Chunk, Scale = scoring.Scale, Softcap = scoring.Softcap, Sinks = scoring.Sinks,
                    LoadKeys = cpu.Float.LoadKv[(int)layer.KeyType], LoadValues = cpu.Float.LoadKv[(int)layer.ValueType],
                    Bias = scoring.Bias, BiasStride = scoring.BiasStride, Out = y.Data, OutTokenStride = y.Stride,
                },
                BothDirections = scoring.BothDirections,
            };
            if (AttendedBytes(runs, layer) * heads <= ChunkSize.Smallest) WorkerPool.RunHere(runs.Length * layer.Heads, ref body);
            else cpu.Pool.Run(runs.Length * layer.Heads, ref body);
        }
    }

    // What all tokens and KV heads go through in the cache (without a window: it matters for little work only).
    private static long AttendedBytes(ReadOnlySpan<TokenRun> runs, in KvLayer layer)
    {
        long rows = 0;
        foreach (TokenRun run in runs) rows += (long)run.Tokens * (run.Position + run.Tokens);
        return rows * layer.Heads * (layer.KeyStride + layer.ValueStride);
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
            bool valuesToo = !Layer.ValuesInKeys;
            bool finite = true;
            for (int t = 0; t < run.Tokens; t++)
            {
                (int block, int slot) = Math.DivRem(run.Position + t, AttentionArgs.BlockLength);
                byte* keys = run.Blocks[block] + Layer.KeyOffset + (slot * Layer.KeyStride);
                byte* values = run.Blocks[block] + Layer.ValueOffset + (slot * Layer.ValueStride);
                for (int head = 0; head < Layer.Heads; head++, keys += Layer.KeyHeadBytes, values += Layer.ValueHeadBytes)
                {
                    finite &= StoreKey(K.Row(run.Row + t) + (head * Layer.KeyDim), keys, Layer.KeyDim);
                    if (valuesToo) finite &= StoreValue(V.Row(run.Row + t) + (head * Layer.ValueDim), values, Layer.ValueDim);
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
        public bool BothDirections;
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
            if (BothDirections) args.VisibleEnd = tokens.SequenceEnd;
            if (args.Sinks != null) args.Sinks += head * args.Heads;
            if (args.Bias != null) args.Bias += head * args.Heads * args.BiasStride;
            args.Blocks = tokens.Blocks;
            args.KeyOffset = Layer.KeyOffset + (head * Layer.KeyHeadBytes);
            args.ValueOffset = Layer.ValueOffset + (head * Layer.ValueHeadBytes);
            args.Scratch = Scratch + (worker * ScratchStride);
            Kernel(&args);
        }
    }
}
