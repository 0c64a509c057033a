using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Blocks with a scale and no minimum: x is stored as s * level. For given levels the weighted error sum w (x - s level)^2 is least
/// at s = sum w x level / sum w level^2; for a given s each x takes its nearest level. The search tries a grid of scales that place the
/// largest value near an end of the range, each improved by that formula, and keeps the best for each block.</summary>
internal static unsafe class ScaleFit<TLanes, TLevels> where TLanes : struct, ILanes<TLanes> where TLevels : ILevels
{
    private const int Turns = 2; // from the best of the grid: levels for the scale, scale for the levels

    /// <summary>The best scale found, of either sign; 0 for a block of zeros. <paramref name="places"/> is the grid: the levels at which the
    /// value of largest magnitude may come to lie.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TLanes Best(in BlockTile tile, ReadOnlySpan<float> places)
    {
        TLanes extreme = Extreme(tile), best = TLanes.Zero, bestGain = TLanes.Zero;
        for (int step = 0; step < places.Length + Turns; step++)
        {
            TLanes scale = step < places.Length ? TLanes.Divide(extreme, TLanes.Broadcast(places[step])) : best;
            Sums(tile, scale, out TLanes xl, out TLanes ll);
            TLanes fitted = SafeDivide<TLanes>.Of(xl, ll), gain = TLanes.Multiply(fitted, xl); // the gain at the fitted scale
            best = TLanes.SelectLess(bestGain, gain, fitted, best);
            bestGain = TLanes.Max(bestGain, gain);
        }
        return best;
    }

    /// <summary>By how much a scale makes the weighted error less than that of storing zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TLanes Gain(in BlockTile tile, TLanes scale)
    {
        Sums(tile, scale, out TLanes xl, out TLanes ll);
        return TLanes.Multiply(scale, TLanes.Subtract(TLanes.Add(xl, xl), TLanes.Multiply(scale, ll)));
    }

    /// <summary>sum w x level and sum w level^2, with the levels nearest for a scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(in BlockTile tile, TLanes scale, out TLanes xl, out TLanes ll)
    {
        TLanes inverse = SafeDivide<TLanes>.Inverse(scale), sumXl = TLanes.Zero, sumLl = TLanes.Zero;
        float* px = tile.X, pw = tile.W, end = tile.X + tile.Length * BlockTile.Lanes;
        for (; px < end; px += BlockTile.Lanes, pw += BlockTile.Lanes)
        {
            TLanes x = TLanes.Load(px);
            TLanes level = TLevels.Nearest(TLanes.Multiply(x, inverse)), weighted = TLanes.Multiply(level, TLanes.Load(pw));
            sumXl = TLanes.Fma(weighted, x, sumXl);
            sumLl = TLanes.Fma(weighted, level, sumLl);
        }
        xl = sumXl;
        ll = sumLl;
    }

    /// <summary>Stores the levels nearest for a scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store(in BlockTile tile, TLanes scale)
    {
        TLanes inverse = SafeDivide<TLanes>.Inverse(scale);
        for (int i = 0; i < tile.Length * BlockTile.Lanes; i += BlockTile.Lanes)
            TLanes.Store(TLevels.Nearest(TLanes.Multiply(TLanes.Load(tile.X + i), inverse)), tile.Levels + i);
    }

    /// <summary>The value of largest magnitude, with its sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TLanes Extreme(in BlockTile tile)
    {
        TLanes lowest = TLanes.Zero, highest = TLanes.Zero;
        for (int i = 0; i < tile.Length * BlockTile.Lanes; i += BlockTile.Lanes)
        {
            TLanes x = TLanes.Load(tile.X + i);
            lowest = TLanes.Min(lowest, x);
            highest = TLanes.Max(highest, x);
        }
        return TLanes.SelectLess(highest, TLanes.Subtract(TLanes.Zero, lowest), lowest, highest);
    }
}
