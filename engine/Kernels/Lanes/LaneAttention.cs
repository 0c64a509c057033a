using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>Attention over lanes; equals <see cref="ScalarAttention"/> bit for bit. Blocks of 64 positions go by on the outside: each is
/// brought to floats once and used by all tokens and heads of the call.</summary>
internal static unsafe class LaneAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    private const int BlockLength = AttentionArgs.BlockLength;

    /// <summary>The call's working memory.</summary>
    private ref struct Scratch
    {
        public float* Queries;  // [tokens * heads][keyDim], padded with zeros
        public float* Outputs;  // [tokens * heads][valueDim], unnormalised
        public float* MaxSum;   // [tokens * heads][2]
        public float* Keys;     // [64][keyDim]
        public float* Values;   // [64][valueDim]
        public float* Scores;   // [64]
        public float* BlockOut; // [valueDim]
        public int KeyDim, ValueDim; // padded to multiples of 32
    }

    /// <summary>Attends every token and head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(AttentionArgs* a)
    {
        Scratch s = LayOut(a);
        int firstBlock = a->StartOf(0) / BlockLength;
        int visibleEnd = a->EndOf(a->Tokens - 1), lastBlock = (visibleEnd - 1) / BlockLength;
        for (int block = firstBlock; block <= lastBlock; block++)
        {
            int base_ = block * BlockLength;
            int filled = Math.Min(BlockLength, visibleEnd - base_);
            a->LoadKeys(a->Blocks[block] + a->KeyOffset, a->KeyStride, filled, s.KeyDim, s.Keys);
            a->LoadValues(a->Blocks[block] + a->ValueOffset, a->ValueStride, filled, s.ValueDim, s.Values);
            for (int t = 0; t < a->Tokens; t++)
            {
                int start = Math.Max(0, a->StartOf(t) - base_), end = Math.Min(BlockLength, a->EndOf(t) - base_);
                if (start >= end) continue;
                for (int h = 0; h < a->Heads; h++)
                {
                    int row = (t * a->Heads) + h;
                    float* bias = a->Bias == null ? null : a->Bias + (h * a->BiasStride) + base_ - (a->FirstPosition + t);
                    Block(ref s, s.Queries + (row * s.KeyDim), s.Outputs + (row * s.ValueDim), s.MaxSum + (2 * row), a, bias, start, end);
                }
            }
        }
        for (int t = 0; t < a->Tokens; t++)
            for (int h = 0; h < a->Heads; h++)
            {
                int row = (t * a->Heads) + h;
                float* from = s.Outputs + (row * s.ValueDim), to = a->Out + (t * a->OutTokenStride) + (h * a->ValueDim);
                float sum = s.MaxSum[(2 * row) + 1];
                if (a->Sinks == null)
                    for (int i = 0; i < a->ValueDim; i++) to[i] = from[i] / sum;
                else
                {
                    float keep = ScalarAttention.JoinSink(a->Sinks[h], s.MaxSum[2 * row], ref sum);
                    for (int i = 0; i < a->ValueDim; i++) to[i] = from[i] * keep / sum;
                }
            }
    }

    private static Scratch LayOut(AttentionArgs* a)
    {
        int rows = a->Tokens * a->Heads;
        Scratch s = default;
        s.KeyDim = AttentionArgs.PaddedHeadDim(a->KeyDim);
        s.ValueDim = AttentionArgs.PaddedHeadDim(a->ValueDim);
        s.Queries = (float*)a->Scratch;
        s.Keys = s.Queries + (rows * s.KeyDim);
        s.Values = s.Keys + (BlockLength * s.KeyDim);
        s.Outputs = s.Values + (BlockLength * s.ValueDim);
        s.BlockOut = s.Outputs + (rows * s.ValueDim);
        s.Scores = s.BlockOut + s.ValueDim;
        s.MaxSum = s.Scores + BlockLength;
        for (int row = 0; row < rows; row++)
        {
            float* q = a->Q + (row / a->Heads * a->QTokenStride) + (row % a->Heads * a->KeyDim);
            new Span<float>(s.Queries + (row * s.KeyDim), s.KeyDim).Clear();
            new ReadOnlySpan<float>(q, a->KeyDim).CopyTo(new Span<float>(s.Queries + (row * s.KeyDim), s.KeyDim));
            s.MaxSum[2 * row] = float.NegativeInfinity;
            s.MaxSum[(2 * row) + 1] = 0;
        }
        new Span<float>(s.Outputs, rows * s.ValueDim).Clear();
        return s;
    }

    /// <summary>One query against positions start..end-1 of the block, added to its running output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block(ref Scratch s, float* q, float* output, float* maxSum, AttentionArgs* a, float* bias, int start, int end)
    {
        Products(ref s, q, start, end);
        float blockMax = a->Softcap == 0 && bias == null ? Scores(ref s, a->Scale, start, end) : ShapedScores(ref s, a->Scale, a->Softcap, bias, start, end);
        TLanes maxes = TLanes.Broadcast(blockMax), sums = TLanes.Zero;
        for (int j = 0; j < BlockLength; j += 16)
        {
            // Positions outside hold -infinity: they add +0.
            TLanes p = LaneMath<TLanes>.Exp(TLanes.Subtract(TLanes.Load(s.Scores + j), maxes));
            TLanes.Store(p, s.Scores + j);
            sums = TLanes.Add(sums, p);
        }
        int wide = s.ValueDim & ~63;
        for (int i = 0; i < wide; i += 64) AccumulateValues64(s.Scores, s.Values + i, s.ValueDim, start, end, s.BlockOut + i);
        if (wide < s.ValueDim) AccumulateValues32(s.Scores, s.Values + wide, s.ValueDim, start, end, s.BlockOut + wide);
        float newMax = Math.Max(maxSum[0], blockMax);
        float keep = ScalarMath.Exp(maxSum[0] - newMax), take = ScalarMath.Exp(blockMax - newMax);
        maxSum[0] = newMax;
        maxSum[1] = MathF.FusedMultiplyAdd(maxSum[1], keep, TLanes.Sum(sums) * take);
        TLanes keeps = TLanes.Broadcast(keep), takes = TLanes.Broadcast(take);
        for (int i = 0; i < s.ValueDim; i += 16)
            TLanes.Store(TLanes.Fma(TLanes.Load(output + i), keeps, TLanes.Multiply(TLanes.Load(s.BlockOut + i), takes)), output + i);
    }

    /// <summary>The query times the keys of positions start..end-1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Products(ref Scratch s, float* q, int start, int end)
    {
        int dim = s.KeyDim;
        for (int j = start & ~3; j < end; j += 4)
        {
            float* k = s.Keys + (j * dim), k1 = k + dim, k2 = k1 + dim, k3 = k2 + dim;
            TLanes s0 = TLanes.Zero, s1 = TLanes.Zero, s2 = TLanes.Zero, s3 = TLanes.Zero;
            for (int i = 0; i < dim; i += 16)
            {
                TLanes v = TLanes.Load(q + i);
                s0 = TLanes.Fma(v, TLanes.Load(k + i), s0);
                s1 = TLanes.Fma(v, TLanes.Load(k1 + i), s1);
                s2 = TLanes.Fma(v, TLanes.Load(k2 + i), s2);
                s3 = TLanes.Fma(v, TLanes.Load(k3 + i), s3);
            }
            TLanes.StoreSums(s0, s1, s2, s3, s.Scores + j);
        }
    }

    /// <summary>Scores of the products of positions start..end-1, -infinity for the others; returns the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Scores(ref Scratch s, float scale, int start, int end)
    {
        TLanes scales = TLanes.Broadcast(scale), largest = TLanes.Broadcast(float.NegativeInfinity);
        HideOthers(ref s, start, end);
        for (int j = 0; j < BlockLength; j += 16)
        {
            TLanes scaled = TLanes.Multiply(TLanes.Load(s.Scores + j), scales);
            TLanes.Store(scaled, s.Scores + j);
            largest = TLanes.Max(largest, scaled);
        }
        return TLanes.Largest(largest);
    }

    /// <summary>The same with a soft-cap, and with what a distance adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float ShapedScores(ref Scratch s, float scale, float softcap, float* bias, int start, int end)
    {
        TLanes scales = TLanes.Broadcast(scale), cap = TLanes.Broadcast(softcap), largest = TLanes.Broadcast(float.NegativeInfinity);
        for (int j = 0; j < BlockLength; j += 16)
        {
            TLanes scaled = TLanes.Multiply(TLanes.Load(s.Scores + j), scales);
            TLanes.Store(softcap == 0 ? scaled : LaneMath<TLanes>.SoftCap(scaled, cap), s.Scores + j);
        }
        if (bias != null)
            for (int j = start; j < end; j++) s.Scores[j] += bias[j];
        HideOthers(ref s, start, end);
        for (int j = 0; j < BlockLength; j += 16) largest = TLanes.Max(largest, TLanes.Load(s.Scores + j));
        return TLanes.Largest(largest);
    }

    private static void HideOthers(ref Scratch s, int start, int end)
    {
        for (int j = 0; j < start; j++) s.Scores[j] = float.NegativeInfinity;
        for (int j = end; j < BlockLength; j++) s.Scores[j] = float.NegativeInfinity;
    }

    /// <summary>64 values of the block's output: each position's weight times its values, ascending.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AccumulateValues64(float* weights, float* values, int dim, int start, int end, float* output)
    {
        TLanes o0 = TLanes.Zero, o1 = TLanes.Zero, o2 = TLanes.Zero, o3 = TLanes.Zero;
        float* v = values + (start * dim);
        for (int j = start; j < end; j++, v += dim)
        {
            TLanes p = TLanes.Broadcast(weights[j]);
            o0 = TLanes.Fma(p, TLanes.Load(v), o0);
            o1 = TLanes.Fma(p, TLanes.Load(v + 16), o1);
            o2 = TLanes.Fma(p, TLanes.Load(v + 32), o2);
            o3 = TLanes.Fma(p, TLanes.Load(v + 48), o3);
        }
        TLanes.Store(o0, output);
        TLanes.Store(o1, output + 16);
        TLanes.Store(o2, output + 32);
        TLanes.Store(o3, output + 48);
    }

    /// <summary>The last 32 values, where the length is no multiple of 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AccumulateValues32(float* weights, float* values, int dim, int start, int end, float* output)
    {
        TLanes o0 = TLanes.Zero, o1 = TLanes.Zero;
        float* v = values + (start * dim);
        for (int j = start; j < end; j++, v += dim)
        {
            TLanes p = TLanes.Broadcast(weights[j]);
            o0 = TLanes.Fma(p, TLanes.Load(v), o0);
            o1 = TLanes.Fma(p, TLanes.Load(v + 16), o1);
        }
        TLanes.Store(o0, output);
        TLanes.Store(o1, output + 16);
    }
}
