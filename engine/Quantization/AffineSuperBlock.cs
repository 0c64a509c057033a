using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>What tells the super-blocks with minimums apart: Q2_K, Q4_K, Q5_K.</summary>
internal unsafe interface IAffineSuperBlock : IRowEncoder
{
    /// <summary>Bytes of a super-block of 256 values.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Values of a block: 16 or 32.</summary>
    static abstract int Length { get; }

    /// <summary>The highest level.</summary>
    static abstract int HighestLevel { get; }

    /// <summary>The highest integer scale and minimum of a block.</summary>
    static abstract int HighestScale { get; }

    /// <summary>The levels that a block's range is divided into in the search.</summary>
    static abstract ReadOnlySpan<float> Grid { get; }

    /// <summary>Stores a super-block: its blocks' levels are in the tile from a lane on, their scales and minimums in arrays.</summary>
    static abstract void Pack(
        byte* block, in BlockTile tile, int firstLane, ushort d, ushort dmin, ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums);
}

/// <summary>Super-blocks whose blocks have an integer scale and minimum each: x is stored as d * scale * q - dmin * minimum. The best scale
/// and offset of each block come first; from the largest of them follow d and dmin, and from these the integers. Then, twice: each block
/// tries the integers next to its own, and d and dmin are fitted to what the blocks have chosen.</summary>
internal static unsafe class AffineSuperBlock<TLanes, TFormat> where TLanes : struct, ILanes<TLanes> where TFormat : IAffineSuperBlock
{
    private const int SuperBlock = 256, Rounds = 2;

    /// <summary>Encodes one row.</summary>
    public static void Encode(float* x, float* weights, int k, byte* row, float* memory)
    {
        var tile = new BlockTile(memory, TFormat.Length);
        float* lanes = memory + BlockTile.Floats;
        int blocksPerSuper = SuperBlock / TFormat.Length, supersPerTile = BlockTile.Lanes / blocksPerSuper;
        for (int at = 0; at < k; at += SuperBlock * supersPerTile)
        {
            int supers = Math.Min(supersPerTile, (k - at) / SuperBlock);
            tile.Load(x + at, weights + at, supers * blocksPerSuper);
            EncodeTile(tile, supers, row + at / SuperBlock * TFormat.BlockBytes, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EncodeTile(in BlockTile tile, int supers, byte* block, float* lanes)
    {
        int blocksPerSuper = SuperBlock / TFormat.Length;
        float* scales = lanes, minimums = lanes + BlockTile.Lanes, d = lanes + 2 * BlockTile.Lanes, dmin = lanes + 3 * BlockTile.Lanes;
        AffineFit<TLanes>.Best(tile, TFormat.HighestLevel, belowZero: true, TFormat.Grid, out TLanes s, out TLanes m);
        TLanes.Store(s, scales);
        TLanes.Store(TLanes.Subtract(TLanes.Zero, m), minimums);
        for (int first = 0; first < BlockTile.Lanes; first += blocksPerSuper)
        {
            SetUnit(d + first, Largest(scales + first, blocksPerSuper) / TFormat.HighestScale, blocksPerSuper);
            SetUnit(dmin + first, Largest(minimums + first, blocksPerSuper) / TFormat.HighestScale, blocksPerSuper);
        }
        TLanes scale = Integer(s, TLanes.Load(d)), minimum = Integer(TLanes.Load(minimums), TLanes.Load(dmin));
        for (int round = 0; round < Rounds; round++)
        {
            Neighbours(tile, TLanes.Load(d), TLanes.Load(dmin), ref scale, ref minimum);
            Refit(tile, scale, minimum, d, dmin, blocksPerSuper, lanes + 4 * BlockTile.Lanes);
        }
        TLanes unit = TLanes.Load(d), unitMin = TLanes.Load(dmin);
        Neighbours(tile, unit, unitMin, ref scale, ref minimum);
        AffineFit<TLanes>.Store(tile, TFormat.HighestLevel, TLanes.Multiply(unit, scale), Offset(unitMin, minimum));
        TLanes.Store(scale, scales);
        TLanes.Store(minimum, minimums);
        for (int i = 0; i < supers; i++, block += TFormat.BlockBytes)
        {
            int first = i * blocksPerSuper;
            TFormat.Pack(block, tile, first, HalfFloat.FromSingle(d[first]), HalfFloat.FromSingle(dmin[first]),
                new ReadOnlySpan<float>(scales + first, blocksPerSuper), new ReadOnlySpan<float>(minimums + first, blocksPerSuper));
        }
    }

    // A unit is stored as half precision: rounded to that, in all lanes of its super-block.
    private static void SetUnit(float* lanes, float unit, int count) => new Span<float>(lanes, count).Fill(HalfScales.Round(unit));

    private static float Largest(float* values, int count)
    {
        float largest = values[0];
        for (int i = 1; i < count; i++) largest = MathF.Max(largest, values[i]);
        return largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Offset(TLanes dmin, TLanes minimum) => TLanes.Subtract(TLanes.Zero, TLanes.Multiply(dmin, minimum));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Integer(TLanes value, TLanes unit) => Clamp(TLanes.Round(SafeDivide<TLanes>.Of(value, unit)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Clamp(TLanes integer) => TLanes.Min(TLanes.Max(integer, TLanes.Zero), TLanes.Broadcast(TFormat.HighestScale));

    /// <summary>Each block's best of the nine pairs about its scale and minimum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Neighbours(in BlockTile tile, TLanes d, TLanes dmin, ref TLanes scale, ref TLanes minimum)
    {
        TLanes s0 = scale, m0 = minimum, bestGain = TLanes.Broadcast(float.MinValue);
        for (int ds = -1; ds <= 1; ds++)
            for (int dm = -1; dm <= 1; dm++)
            {
                TLanes s = Clamp(TLanes.Add(s0, TLanes.Broadcast(ds))), m = Clamp(TLanes.Add(m0, TLanes.Broadcast(dm)));
                TLanes gain = AffineFit<TLanes>.Gain(tile, TFormat.HighestLevel, TLanes.Multiply(d, s), Offset(dmin, m));
                scale = TLanes.SelectLess(bestGain, gain, s, scale);
                minimum = TLanes.SelectLess(bestGain, gain, m, minimum);
                bestGain = TLanes.Max(bestGain, gain);
            }
    }

    /// <summary>For each super-block the d and dmin that fit its blocks' integers and levels best.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Refit(in BlockTile tile, TLanes scale, TLanes minimum, float* d, float* dmin, int blocksPerSuper, float* sums)
    {
        const int N = BlockTile.Lanes;
        TLanes s = TLanes.Multiply(TLanes.Load(d), scale), m = Offset(TLanes.Load(dmin), minimum);
        AffineFit<TLanes>.Totals(tile, out TLanes sumW, out TLanes sumX);
        AffineFit<TLanes>.Sums(tile, TFormat.HighestLevel, SafeDivide<TLanes>.Inverse(s), m, out TLanes q, out TLanes qq, out TLanes xq);
        TLanes.Store(TLanes.Multiply(TLanes.Multiply(scale, scale), qq), sums);
        TLanes.Store(TLanes.Multiply(TLanes.Multiply(scale, minimum), q), sums + N);
        TLanes.Store(TLanes.Multiply(TLanes.Multiply(minimum, minimum), sumW), sums + 2 * N);
        TLanes.Store(TLanes.Multiply(scale, xq), sums + 3 * N);
        TLanes.Store(TLanes.Multiply(minimum, sumX), sums + 4 * N);
        for (int first = 0; first < N; first += blocksPerSuper)
        {
            double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0; // x is d * a - dmin * b
            for (int i = first; i < first + blocksPerSuper; i++)
            {
                aa += sums[i];
                ab += sums[N + i];
                bb += sums[2 * N + i];
                xa += sums[3 * N + i];
                xb += sums[4 * N + i];
            }
            double determinant = aa * bb - ab * ab;
            if (determinant > 1e-6 * aa * bb)
            {
                double newD = (xa * bb - xb * ab) / determinant, newMin = (xa * ab - xb * aa) / determinant;
                if (newD > 0 && newMin > 0)
                {
                    SetUnit(d + first, (float)newD, blocksPerSuper);
                    SetUnit(dmin + first, (float)newMin, blocksPerSuper);
                }
            }
            else if (aa > 0 && bb == 0 && xa > 0)
            {
                SetUnit(d + first, (float)(xa / aa), blocksPerSuper);
            }
        }
    }
}
