using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Blocks with a scale and an offset: x is stored as s * q + m, q an integer from 0 to <c>Highest</c>. For given q the weighted
/// error sum w (x - s q - m)^2 is least where its derivatives by s and m are zero, two linear equations; for given s and m each x takes its
/// nearest q. The search tries a grid of scales about the one that spans the block's range, each improved by those equations, goes on from
/// the best by turns, and keeps the best for each block.</summary>
internal static unsafe class AffineFit<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Less variance among the levels than this, relative to their squares, is none: all are alike.</summary>
    private const float LeastVariance = 1e-5f;

    private const int Turns = 3; // from the best of the grid: levels for scale and offset, scale and offset for the levels

    /// <summary>The best scales and offsets found. A scale is 0 or more; with <paramref name="belowZero"/> an offset is 0 or less.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Best(in BlockTile tile, float highest, bool belowZero, ReadOnlySpan<float> grid, out TLanes scale, out TLanes offset)
    {
        Totals(tile, out TLanes sumW, out TLanes sumX, out TLanes lowest, out TLanes largest);
        TLanes roof = TLanes.Broadcast(belowZero ? 0 : float.MaxValue);
        lowest = TLanes.Min(lowest, roof);
        TLanes range = TLanes.Subtract(largest, lowest);
        TLanes s = TLanes.Zero, m = lowest, bestGain = TLanes.Broadcast(float.MinValue);
        for (int step = 0; step < grid.Length + Turns; step++)
        {
            bool inGrid = step < grid.Length;
            TLanes inverse = inGrid ? SafeDivide<TLanes>.Of(TLanes.Broadcast(grid[step]), range) : SafeDivide<TLanes>.Inverse(s), start = inGrid ? lowest : m;
            Sums(tile, highest, inverse, start, out TLanes q, out TLanes qq, out TLanes xq);
            TLanes determinant = TLanes.Subtract(TLanes.Multiply(sumW, qq), TLanes.Multiply(q, q));
            // Where all levels are alike, only one of the two can be found: the offset stays.
            TLanes least = TLanes.Multiply(TLanes.Broadcast(LeastVariance), TLanes.Max(TLanes.Multiply(sumW, qq), TLanes.Broadcast(SafeDivide<TLanes>.Smallest)));
            TLanes fittedM = SafeDivide<TLanes>.Of(TLanes.Subtract(TLanes.Multiply(qq, sumX), TLanes.Multiply(q, xq)), determinant);
            fittedM = TLanes.SelectLess(determinant, least, start, TLanes.Min(fittedM, roof));
            TLanes fittedS = SafeDivide<TLanes>.Of(TLanes.Subtract(xq, TLanes.Multiply(fittedM, q)), qq); // the best for this offset
            TLanes gain = Gain(fittedS, fittedM, sumW, sumX, q, qq, xq);
            s = TLanes.SelectLess(bestGain, gain, fittedS, s);
            m = TLanes.SelectLess(bestGain, gain, fittedM, m);
            bestGain = TLanes.Max(bestGain, gain);
        }
        scale = s;
        offset = m;
    }

    /// <summary>By how much a scale and an offset make the weighted error less than that of storing zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TLanes Gain(in BlockTile tile, float highest, TLanes scale, TLanes offset)
    {
        Totals(tile, out TLanes sumW, out TLanes sumX);
        Sums(tile, highest, SafeDivide<TLanes>.Inverse(scale), offset, out TLanes q, out TLanes qq, out TLanes xq);
        return Gain(scale, offset, sumW, sumX, q, qq, xq);
    }

    /// <summary>Stores the levels nearest for a scale and an offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store(in BlockTile tile, float highest, TLanes scale, TLanes offset)
    {
        TLanes inverse = SafeDivide<TLanes>.Inverse(scale), shift = TLanes.Multiply(TLanes.Subtract(TLanes.Zero, offset), inverse);
        TLanes top = TLanes.Broadcast(highest);
        for (int i = 0; i < tile.Length * BlockTile.Lanes; i += BlockTile.Lanes)
            TLanes.Store(Nearest(TLanes.Load(tile.X + i), inverse, shift, top), tile.Levels + i);
    }

    /// <summary>sum w q, sum w q^2 and sum w x q, with the levels nearest for a scale, given by its reciprocal, and an offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(in BlockTile tile, float highest, TLanes inverse, TLanes offset, out TLanes q, out TLanes qq, out TLanes xq)
    {
        TLanes shift = TLanes.Multiply(TLanes.Subtract(TLanes.Zero, offset), inverse), top = TLanes.Broadcast(highest);
        TLanes sumQ = TLanes.Zero, sumQq = TLanes.Zero, sumXq = TLanes.Zero;
        float* px = tile.X, pw = tile.W, end = tile.X + tile.Length * BlockTile.Lanes;
        for (; px < end; px += BlockTile.Lanes, pw += BlockTile.Lanes)
        {
            TLanes x = TLanes.Load(px);
            TLanes level = Nearest(x, inverse, shift, top), weighted = TLanes.Multiply(level, TLanes.Load(pw));
            sumQ = TLanes.Add(sumQ, weighted);
            sumQq = TLanes.Fma(weighted, level, sumQq);
            sumXq = TLanes.Fma(weighted, x, sumXq);
        }
        q = sumQ;
        qq = sumQq;
        xq = sumXq;
    }

    /// <summary>sum w and sum w x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Totals(in BlockTile tile, out TLanes sumW, out TLanes sumX) => Totals(tile, out sumW, out sumX, out _, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Totals(in BlockTile tile, out TLanes sumW, out TLanes sumX, out TLanes lowest, out TLanes largest)
    {
        TLanes w = TLanes.Zero, wx = TLanes.Zero, low = TLanes.Load(tile.X), high = low;
        for (int i = 0; i < tile.Length * BlockTile.Lanes; i += BlockTile.Lanes)
        {
            TLanes x = TLanes.Load(tile.X + i), weight = TLanes.Load(tile.W + i);
            w = TLanes.Add(w, weight);
            wx = TLanes.Fma(weight, x, wx);
            low = TLanes.Min(low, x);
            high = TLanes.Max(high, x);
        }
        (sumW, sumX, lowest, largest) = (w, wx, low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Nearest(TLanes x, TLanes inverse, TLanes shift, TLanes top) =>
        TLanes.Round(TLanes.Min(TLanes.Max(TLanes.Fma(x, inverse, shift), TLanes.Zero), top));

    // What is left of sum w (x - s q - m)^2, negated, without the sum w x^2 that all have in common.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Gain(TLanes s, TLanes m, TLanes sumW, TLanes sumX, TLanes q, TLanes qq, TLanes xq)
    {
        TLanes byScale = TLanes.Multiply(s, TLanes.Subtract(TLanes.Add(xq, xq), TLanes.Fma(s, qq, TLanes.Multiply(TLanes.Add(m, m), q))));
        return TLanes.Fma(m, TLanes.Subtract(TLanes.Add(sumX, sumX), TLanes.Multiply(m, sumW)), byScale);
    }
}
