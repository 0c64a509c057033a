using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>Matmul of float weights in sixteen lanes along k. Each output has one chain of FMAs, so several run side by side.</summary>
internal static unsafe partial class FloatMatMul<TLanes, TLoad> where TLanes : struct, ILanes<TLanes> where TLoad : struct, IFloatLoad
{
    /// <summary>dst[r] for one token, four rows at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Gemv(MatMulArgs* a)
    {
        int k16 = a->K & ~15;
        float* x = (float*)a->X;
        float* lanes = stackalloc float[4 * 16];
        for (int r = 0; r < a->Rows; r += 4)
        {
            // Past the end the last row stands in for the missing ones; their results are not stored.
            int rows = Math.Min(4, a->Rows - r);
            byte* w0 = a->W + (r * a->RowBytes);
            byte* w1 = rows > 1 ? w0 + a->RowBytes : w0;
            byte* w2 = rows > 2 ? w1 + a->RowBytes : w1;
            byte* w3 = rows > 3 ? w2 + a->RowBytes : w2;
            FourRows(w0, w1, w2, w3, x, k16, w0 + (4 * a->RowBytes), lanes);
            if (k16 < a->K)
            {
                Tail(w0, k16, a->K, x, lanes);
                Tail(w1, k16, a->K, x, lanes + 16);
                Tail(w2, k16, a->K, x, lanes + 32);
                Tail(w3, k16, a->K, x, lanes + 48);
            }
            Store(lanes, rows, a->Dst + r);
        }
    }

    // Apart from its caller, in which calls follow: lanes that live across a call would go through memory at every step.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void FourRows(byte* w0, byte* w1, byte* w2, byte* w3, float* x, int k16, byte* next, float* lanes)
    {
        TLanes s0 = TLanes.Zero, s1 = TLanes.Zero, s2 = TLanes.Zero, s3 = TLanes.Zero;
        for (int i = 0; i < k16; i += 16)
        {
            nint at = (nint)i * TLoad.ValueBytes;
            // The next four rows, in the order in which they lie in memory: one stream is faster than four.
            for (int line = 0; line < TLoad.ValueBytes; line++) Prefetch.Read(next + (4 * at) + (64 * line));
            TLanes v = TLanes.Load(x + i);
            s0 = TLanes.Fma(TLoad.Load<TLanes>(w0 + at), v, s0);
            s1 = TLanes.Fma(TLoad.Load<TLanes>(w1 + at), v, s1);
            s2 = TLanes.Fma(TLoad.Load<TLanes>(w2 + at), v, s2);
            s3 = TLanes.Fma(TLoad.Load<TLanes>(w3 + at), v, s3);
        }
        TLanes.Store(s0, lanes);
        TLanes.Store(s1, lanes + 16);
        TLanes.Store(s2, lanes + 32);
        TLanes.Store(s3, lanes + 48);
    }

    /// <summary>Adds values k16..k-1 of a row, fewer than 16, to its lanes.</summary>
    private static void Tail(byte* w, int k16, int k, float* x, float* lanes)
    {
        byte* tail = stackalloc byte[64];
        Unsafe.CopyBlockUnaligned(tail, w + ((nint)k16 * TLoad.ValueBytes), (uint)((k - k16) * TLoad.ValueBytes));
        TLanes.Store(TLanes.Fma(TLoad.Load<TLanes>(tail), TLanes.Load(x + k16), TLanes.Load(lanes)), lanes);
    }

    /// <summary>The sums of four rows' lanes, of which the first are wanted.</summary>
    private static void Store(float* lanes, int rows, float* dst)
    {
        float* sums = stackalloc float[4];
        TLanes.StoreSums(TLanes.Load(lanes), TLanes.Load(lanes + 16), TLanes.Load(lanes + 32), TLanes.Load(lanes + 48), sums);
        for (int i = 0; i < rows; i++) dst[i] = sums[i];
    }
}
