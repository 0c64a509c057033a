using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>What tells the blocks of 32 with a scale and a minimum apart: Q4_1, Q5_1.</summary>
internal unsafe interface IAffineBlock : IRowEncoder
{
    /// <summary>Bytes of a block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>The highest level.</summary>
    static abstract int HighestLevel { get; }

    /// <summary>The levels that a block's range is divided into in the search.</summary>
    static abstract ReadOnlySpan<float> Grid { get; }

    /// <summary>Stores a block: its levels are in a lane of the tile.</summary>
    static abstract void Pack(byte* block, in BlockTile tile, int lane, ushort d, ushort m);
}

/// <summary>Blocks of 32: x is stored as d * q + m, the best scale and offset found, in half precision.</summary>
internal static unsafe class AffineBlock<TLanes, TFormat> where TLanes : struct, ILanes<TLanes> where TFormat : IAffineBlock
{
    private const int Length = 32;

    /// <summary>Encodes one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(float* x, float* weights, int k, byte* row, float* memory)
    {
        var tile = new BlockTile(memory, Length);
        float* d = memory + BlockTile.Floats, m = d + BlockTile.Lanes;
        for (int at = 0; at < k; at += Length * BlockTile.Lanes)
        {
            int blocks = Math.Min(BlockTile.Lanes, (k - at) / Length);
            tile.Load(x + at, weights + at, blocks);
            AffineFit<TLanes>.Best(tile, TFormat.HighestLevel, belowZero: false, TFormat.Grid, out TLanes scale, out TLanes offset);
            TLanes.Store(scale, d);
            TLanes.Store(offset, m);
            HalfScales.Round(d);
            HalfScales.Round(m);
            AffineFit<TLanes>.Store(tile, TFormat.HighestLevel, TLanes.Load(d), TLanes.Load(m));
            for (int i = 0; i < blocks; i++, row += TFormat.BlockBytes)
                TFormat.Pack(row, tile, i, HalfFloat.FromSingle(d[i]), HalfFloat.FromSingle(m[i]));
        }
    }
}
