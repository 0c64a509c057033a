using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>The levels of <see cref="MXFP4.Values"/>.</summary>
internal readonly struct MXFP4Levels : ILevels
{
    /// <summary>A level's index by its value + 12.</summary>
    public static ReadOnlySpan<byte> Index => [15, 0, 0, 0, 14, 0, 13, 0, 12, 11, 10, 9, 0, 1, 2, 3, 4, 0, 5, 0, 6, 0, 0, 0, 7];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Nearest<TLanes>(TLanes v) where TLanes : struct, ILanes<TLanes>
    {
        // Each step passes the middle between two levels.
        TLanes level = TLanes.Broadcast(-12);
        level = TLanes.SelectLess(v, TLanes.Broadcast(-10), level, TLanes.Broadcast(-8));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-7), level, TLanes.Broadcast(-6));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-5), level, TLanes.Broadcast(-4));
        TLanes small = TLanes.Min(TLanes.Round(v), TLanes.Broadcast(4)); // -4..4: all integers
        level = TLanes.SelectLess(v, TLanes.Broadcast(-4), level, small);
        level = TLanes.SelectLess(v, TLanes.Broadcast(5), level, TLanes.Broadcast(6));
        level = TLanes.SelectLess(v, TLanes.Broadcast(7), level, TLanes.Broadcast(8));
        return TLanes.SelectLess(v, TLanes.Broadcast(10), level, TLanes.Broadcast(12));
    }
}

/// <summary>Rows to <see cref="MXFP4"/>: the scale is a power of two, the best of the three that place the largest magnitude at or next to
/// the upper end of the range.</summary>
internal readonly unsafe struct MXFP4Encoder : IRowEncoder
{
    private const int Length = 32;

    public static GgmlType Type => GgmlType.MXFP4;

    public static bool UsesWeights => true;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes>
    {
        var tile = new BlockTile(memory, Length);
        float* largest = memory + BlockTile.Floats, d = largest + BlockTile.Lanes, best = d + BlockTile.Lanes;
        for (int at = 0; at < k; at += Length * BlockTile.Lanes)
        {
            int blocks = Math.Min(BlockTile.Lanes, (k - at) / Length);
            tile.Load(x + at, weights + at, blocks);
            TLanes.Store(ScaleFit<TLanes, MXFP4Levels>.Extreme(tile), largest);
            TLanes scale = TLanes.Zero, bestGain = TLanes.Broadcast(float.MinValue);
            for (int step = -1; step <= 1; step++)
            {
                for (int i = 0; i < BlockTile.Lanes; i++) d[i] = MXFP4.Scale((byte)Math.Clamp(Exponent(largest[i]) + step, 0, 254));
                TLanes candidate = TLanes.Load(d), gain = ScaleFit<TLanes, MXFP4Levels>.Gain(tile, candidate);
                scale = TLanes.SelectLess(bestGain, gain, candidate, scale);
                bestGain = TLanes.Max(bestGain, gain);
            }
            TLanes.Store(scale, best);
            ScaleFit<TLanes, MXFP4Levels>.Store(tile, scale);
            for (int i = 0; i < blocks; i++, row += MXFP4.Bytes) Pack((MXFP4*)row, tile, i, best[i]);
        }
    }

    // The exponent byte that brings a value to 8..16, with 12 the highest level: the scale is 2^(byte - 128).
    private static int Exponent(float value) => (int)((BitConverter.SingleToUInt32Bits(value) & 0x7fffffff) >> 23) - 127 - 3 + 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pack(MXFP4* b, in BlockTile tile, int lane, float scale)
    {
        b->E = (byte)Math.Max((int)(BitConverter.SingleToUInt32Bits(scale) >> 23) + 1, 0);
        for (int i = 0; i < 16; i++)
            b->Qs[i] = (byte)(MXFP4Levels.Index[tile.Level(lane, i) + 12] | (MXFP4Levels.Index[tile.Level(lane, i + 16) + 12] << 4));
    }
}
