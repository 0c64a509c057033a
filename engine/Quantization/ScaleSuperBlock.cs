using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>What tells the super-blocks without minimums apart: Q3_K, Q6_K, IQ4_XS.</summary>
internal unsafe interface IScaleSuperBlock : IRowEncoder
{
    /// <summary>Bytes of a super-block of 256 values.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Values of a block: 16 or 32.</summary>
    static abstract int Length { get; }

    /// <summary>The lowest integer scale of a block, negative; the highest is one less than its magnitude.</summary>
    static abstract int LowestScale { get; }

    /// <summary>Levels at which the search places a block's largest value: <see cref="ScaleFit{TLanes,TLevels}.Best"/>.</summary>
    static abstract ReadOnlySpan<float> Grid { get; }

    /// <summary>Stores a super-block: its blocks' levels are in the tile from a lane on, their scales in an array.</summary>
    static abstract void Pack(byte* block, in BlockTile tile, int firstLane, ushort d, ReadOnlySpan<float> scales);
}

/// <summary>Super-blocks whose blocks have an integer scale each: x is stored as d * scale * level. The best scale of each block comes first;
/// the largest gets the lowest integer, which gives d, and from that follow the others. Then, twice: each block tries the integers next to
/// its own, and d is fitted to what the blocks have chosen.</summary>
internal static unsafe class ScaleSuperBlock<TLanes, TFormat, TLevels>
    where TLanes : struct, ILanes<TLanes> where TFormat : IScaleSuperBlock where TLevels : ILevels
{
    private const int SuperBlock = 256, Rounds = 2, Reach = 1;

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
        float* scales = lanes, d = lanes + BlockTile.Lanes;
        TLanes s = ScaleFit<TLanes, TLevels>.Best(tile, TFormat.Grid);
        TLanes.Store(s, scales);
        for (int first = 0; first < BlockTile.Lanes; first += blocksPerSuper)
            SetUnit(d + first, Extreme(scales + first, blocksPerSuper) / TFormat.LowestScale, blocksPerSuper);
        TLanes scale = Clamp(TLanes.Round(TLanes.Multiply(s, SafeDivide<TLanes>.Inverse(TLanes.Load(d)))));
        for (int round = 0; round < Rounds; round++)
        {
            Neighbours(tile, TLanes.Load(d), ref scale);
            Refit(tile, scale, d, blocksPerSuper, lanes + 2 * BlockTile.Lanes);
        }
        TLanes unit = TLanes.Load(d);
        Neighbours(tile, unit, ref scale);
        ScaleFit<TLanes, TLevels>.Store(tile, TLanes.Multiply(unit, scale));
        TLanes.Store(scale, scales);
        for (int i = 0; i < supers; i++, block += TFormat.BlockBytes)
        {
            int first = i * blocksPerSuper;
            TFormat.Pack(block, tile, first, HalfFloat.FromSingle(d[first]), new ReadOnlySpan<float>(scales + first, blocksPerSuper));
        }
    }

    // The unit is stored as half precision: rounded to that, in all lanes of its super-block.
    private static void SetUnit(float* lanes, float unit, int count) => new Span<float>(lanes, count).Fill(HalfScales.Round(unit));

    private static float Extreme(float* values, int count)
    {
        float extreme = values[0];
        for (int i = 1; i < count; i++)
            if (MathF.Abs(values[i]) > MathF.Abs(extreme)) extreme = values[i];
        return extreme;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Clamp(TLanes integer) =>
        TLanes.Min(TLanes.Max(integer, TLanes.Broadcast(TFormat.LowestScale)), TLanes.Broadcast(-1 - TFormat.LowestScale));

    /// <summary>Each block's best of the integers about its scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Neighbours(in BlockTile tile, TLanes d, ref TLanes scale)
    {
        TLanes center = scale, bestGain = TLanes.Broadcast(float.MinValue);
        for (int step = -Reach; step <= Reach; step++)
        {
            TLanes s = Clamp(TLanes.Add(center, TLanes.Broadcast(step))), gain = ScaleFit<TLanes, TLevels>.Gain(tile, TLanes.Multiply(d, s));
            scale = TLanes.SelectLess(bestGain, gain, s, scale);
            bestGain = TLanes.Max(bestGain, gain);
        }
    }

    /// <summary>For each super-block the d that fits its blocks' integers and levels best.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Refit(in BlockTile tile, TLanes scale, float* d, int blocksPerSuper, float* sums)
    {
        ScaleFit<TLanes, TLevels>.Sums(tile, TLanes.Multiply(TLanes.Load(d), scale), out TLanes xl, out TLanes ll);
        TLanes.Store(TLanes.Multiply(scale, xl), sums);
        TLanes.Store(TLanes.Multiply(TLanes.Multiply(scale, scale), ll), sums + BlockTile.Lanes);
        for (int first = 0; first < BlockTile.Lanes; first += blocksPerSuper)
        {
            double xs = 0, ss = 0;
            for (int i = first; i < first + blocksPerSuper; i++)
            {
                xs += sums[i];
                ss += sums[BlockTile.Lanes + i];
            }
            if (ss > 0) SetUnit(d + first, (float)(xs / ss), blocksPerSuper);
        }
    }
}
