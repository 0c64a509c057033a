using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>The levels of <see cref="IQ4_NL.Values"/>.</summary>
internal readonly struct IQ4_NLLevels : ILevels
{
    /// <summary>A level's index by its value + 128.</summary>
    public static readonly byte[] Index = MakeIndex();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Nearest<TLanes>(TLanes v) where TLanes : struct, ILanes<TLanes>
    {
        // Each step passes the middle between two levels.
        TLanes level = TLanes.Broadcast(-127);
        level = TLanes.SelectLess(v, TLanes.Broadcast(-115.5f), level, TLanes.Broadcast(-104));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-93.5f), level, TLanes.Broadcast(-83));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-74), level, TLanes.Broadcast(-65));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-57), level, TLanes.Broadcast(-49));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-42), level, TLanes.Broadcast(-35));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-28.5f), level, TLanes.Broadcast(-22));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-16), level, TLanes.Broadcast(-10));
        level = TLanes.SelectLess(v, TLanes.Broadcast(-4.5f), level, TLanes.Broadcast(1));
        level = TLanes.SelectLess(v, TLanes.Broadcast(7), level, TLanes.Broadcast(13));
        level = TLanes.SelectLess(v, TLanes.Broadcast(19), level, TLanes.Broadcast(25));
        level = TLanes.SelectLess(v, TLanes.Broadcast(31.5f), level, TLanes.Broadcast(38));
        level = TLanes.SelectLess(v, TLanes.Broadcast(45.5f), level, TLanes.Broadcast(53));
        level = TLanes.SelectLess(v, TLanes.Broadcast(61), level, TLanes.Broadcast(69));
        level = TLanes.SelectLess(v, TLanes.Broadcast(79), level, TLanes.Broadcast(89));
        return TLanes.SelectLess(v, TLanes.Broadcast(101), level, TLanes.Broadcast(113));
    }

    private static byte[] MakeIndex()
    {
        var index = new byte[256];
        for (int i = 0; i < IQ4_NL.Values.Length; i++) index[IQ4_NL.Values[i] + 128] = (byte)i;
        return index;
    }
}

/// <summary>Rows to <see cref="IQ4_NL"/>.</summary>
internal readonly unsafe struct IQ4_NLEncoder : IScaleBlock
{
    public static GgmlType Type => GgmlType.IQ4_NL;

    public static bool UsesWeights => true;

    public static int BlockBytes => IQ4_NL.Bytes;

    public static ReadOnlySpan<float> Grid => [-108, -112, -116, -120, -124, -128, -133, -138, -144, 98, 102, 106, 110, 114, 118, 123];

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        ScaleBlock<TLanes, IQ4_NLEncoder, IQ4_NLLevels>.Encode(x, weights, k, row, memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* block, in BlockTile tile, int lane, ushort d)
    {
        var b = (IQ4_NL*)block;
        b->D = d;
        PackLevels(b->Qs, tile, lane);
    }

    /// <summary>Stores the indices of a lane's 32 levels in 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PackLevels(byte* qs, in BlockTile tile, int lane)
    {
        byte[] index = IQ4_NLLevels.Index;
        for (int i = 0; i < 16; i++) qs[i] = (byte)(index[tile.Level(lane, i) + 128] | (index[tile.Level(lane, i + 16) + 128] << 4));
    }
}
