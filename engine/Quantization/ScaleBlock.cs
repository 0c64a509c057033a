using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>What tells the blocks of 32 with a scale alone apart: Q4_0, Q5_0, IQ4_NL.</summary>
internal unsafe interface IScaleBlock : IRowEncoder
{
    /// <summary>Bytes of a block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Levels at which the search places a block's largest value: <see cref="ScaleFit{TLanes,TLevels}.Best"/>.</summary>
    static abstract ReadOnlySpan<float> Grid { get; }

    /// <summary>Stores a block: its levels are in a lane of the tile.</summary>
    static abstract void Pack(byte* block, in BlockTile tile, int lane, ushort d);
}

/// <summary>Blocks of 32: x is stored as d * level, d the best scale found, in half precision.</summary>
internal static unsafe class ScaleBlock<TLanes, TFormat, TLevels>
    where TLanes : struct, ILanes<TLanes> where TFormat : IScaleBlock where TLevels : ILevels
{
    private const int Length = 32;

    /// <summary>Encodes one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(float* x, float* weights, int k, byte* row, float* memory)
    {
        var tile = new BlockTile(memory, Length);
        float* d = memory + BlockTile.Floats;
        for (int at = 0; at < k; at += Length * BlockTile.Lanes)
        {
            int blocks = Math.Min(BlockTile.Lanes, (k - at) / Length);
            tile.Load(x + at, weights + at, blocks);
            TLanes.Store(ScaleFit<TLanes, TLevels>.Best(tile, TFormat.Grid), d);
            HalfScales.Round(d);
            ScaleFit<TLanes, TLevels>.Store(tile, TLanes.Load(d));
            for (int i = 0; i < blocks; i++, row += TFormat.BlockBytes) TFormat.Pack(row, tile, i, HalfFloat.FromSingle(d[i]));
        }
    }
}

/// <summary>Scales as half precision can hold them.</summary>
internal static unsafe class HalfScales
{
    /// <summary>Rounds the sixteen scales of a tile.</summary>
    public static void Round(float* scales)
    {
        for (int i = 0; i < BlockTile.Lanes; i++) scales[i] = Round(scales[i]);
    }

    /// <summary>Rounds a scale.</summary>
    public static float Round(float scale) => HalfFloat.ToSingle(HalfFloat.FromSingle(scale));
}
